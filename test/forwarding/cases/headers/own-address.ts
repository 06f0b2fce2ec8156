import assert from 'node:assert/strict'
import type { Case, Scene } from '../../subject.ts'
import type { Head } from '../../wire/head.ts'
import { both, group } from '../case.ts'

/** The head of an answer with this line, as the client of `http://shop.test:8080` sees it. */
async function seen(scene: Scene, line: string): Promise<Head> {
  const { call, wire } = await scene.exchange({ host: 'shop.test:8080' })
  wire.send(`HTTP/1.1 302 Found\r\n${line}\r\nContent-Length: 0\r\n\r\n`)
  return (await call.whole()).head
}

/** Where the environment itself is, as it would write it. */
function own({ target }: Scene): { readonly host: string; readonly port: number } {
  return target.kind === 'tcp' ? target : { host: 'localhost', port: 80 }
}

function staysLocation(location: (own: { host: string; port: number }) => string): Case['run'] {
  return async (scene) => {
    const value = location(own(scene))
    assert.deepEqual((await seen(scene, `Location: ${value}`)).values('location'), [value])
  }
}

function staysCookie(domain: (host: string) => string): Case['run'] {
  return async (scene) => {
    const value = `a=1; Path=/; Domain=${domain(own(scene).host)}`
    assert.deepEqual((await seen(scene, `Set-Cookie: ${value}`)).values('set-cookie'), [value])
  }
}

export const ownAddress = [
  ...group('headers', 'RFC 9110 §10.2.2', both, {
    'A Location without a host stays': staysLocation(() => '/login?next=%2F'),
    'A Location at another host stays': staysLocation(() => 'https://login.example.org/a?b#c'),
    'A Location at another port of the environment stays': staysLocation(
      ({ host, port }) => `http://${host}:${port === 1 ? 2 : port - 1}/`,
    ),
    'A Location at a port that begins like that of the environment stays': staysLocation(
      ({ host, port }) => `http://${host}:${String(port).slice(0, 4)}99/`,
    ),
    'A Location at a host that begins like the environment stays': staysLocation(
      ({ host }) => `http://${host}.example.org/`,
    ),
    'A Location that only holds the address of the environment stays': staysLocation(
      ({ host, port }) => `https://login.example.org/?next=http://${host}:${port}/`,
    ),
  }),
  ...group(
    'headers',
    'RFC 9110 §10.2.2',
    both,
    {
      async 'A Location at the address of the environment leads back to where the client asked'(
        scene,
      ) {
        const { host, port } = own(scene)
        const head = await seen(scene, `Location: http://${host}:${port}/login?next=http://x/`)
        assert.match(
          head.values('location').join(),
          /^(http:\/\/shop\.test:8080)?\/login\?next=http:\/\/x\/$/,
        )
      },
    },
    { targets: ['tcp'] },
  ),
  ...group('headers', 'RFC 6265 §5.2.3', both, {
    'A cookie with the Domain of another host stays': staysCookie(() => 'example.org'),
    'A cookie with a Domain that begins like the environment stays': staysCookie(
      (host) => `${host}0`,
    ),
    'A cookie with a Domain that ends like the environment stays': staysCookie(
      (host) => `1${host}`,
    ),
  }),
  ...group(
    'headers',
    'RFC 6265 §5.3',
    both,
    {
      async 'A cookie with the address of the environment for its Domain is one of the host asked'(
        scene,
      ) {
        const cookie = `a=1; domain=${own(scene).host}; Path=/; HttpOnly`
        const head = await seen(scene, `Set-Cookie: ${cookie}`)
        const [value = ''] = head.values('set-cookie')
        assert.doesNotMatch(value, /127\.0\.0\.1/)
        assert.match(value, /^a=1;.*Path=\/; HttpOnly/)
      },
    },
    { targets: ['tcp'] },
  ),
]
