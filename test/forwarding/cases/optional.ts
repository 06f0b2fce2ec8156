import type { Case } from '../subject.ts'

// What a proxy may do otherwise and be right as well, with why. Alcove does it all the same; where proxies are compared,
// these cases count by themselves.

const reasons: Readonly<Record<string, readonly string[]>> = {
  'RFC 9110 §5.3 lets a recipient combine lines of one name, but Set-Cookie': [
    'Fields of a request that repeat stay separate',
    'Fields of an answer that repeat stay separate',
  ],
  'RFC 9110 §6.5.2 and §10.1.4 let an intermediary drop trailers, and then it need not welcome them':
    [
      'Trailers of an answer are relayed',
      'Trailers of an answer are announced as the environment has announced them',
      'TE goes no further, but that trailers are welcome does',
      'TE: trailers of HTTP/2 is passed on',
    ],
  'RFC 9110 §6.6.2 says nothing against a Trailer that no trailer follows': [
    'Trailer on a GET goes no further',
  ],
  'RFC 9110 §11.7.2 lets a proxy relay credentials that are not for itself': [
    'Proxy-Authorization goes no further',
  ],
  'RFC 7540 §3.2.1 leaves it to Connection to name it, which a client may forget': [
    'HTTP2-Settings goes no further, whether Connection names it or not',
  ],
  'RFC 7239 §4 leaves it to the proxy which fields it adds': [
    'Forwarded says for whom, over what and for which host the proxy asks',
    'An IPv6 literal with its port is quoted in Forwarded',
    'Forwarded of a trusted client is extended',
  ],
  'RFC 9110 §7.6.3 says that loops can be told by Via, not that they must be': [
    'A request that comes round again goes no further: 508',
  ],
  'No RFC has a gateway rewrite what the origin says of itself': [
    'A Location at the address of the environment leads back to where the client asked',
    'A cookie with the address of the environment for its Domain is one of the host asked',
  ],
  'RFC 9110 §8.6 says that a 304 may have a length': [
    'A 304 has no body, and keeps the length of what it stands for',
  ],
  'RFC 9112 §8 has no word for a cut answer that only its connection ends': [
    'A client of HTTP/1.0 without a length is told by a reset that its answer is cut',
  ],
  'RFC 9112 does not promise that both directions go on at once': [
    'An answer may go on while its upload does',
  ],
  'RFC 9112 §9.6 leaves open how the rest of an upload is bounded: in time, for example': [
    'A client that sends on and on after an early answer is cut off, or held back',
  ],
  'RFC 9110 §2.5 leaves open what becomes of a major version that is not known': [
    'An answer of another HTTP is 502',
  ],
  'RFC 9110 §7.8 lets an intermediary upgrade to what it does not know, as a tunnel': [
    'A protocol that nobody knows goes no further',
  ],
  'A client that ends its side may still read (RFC 9293 §3.6)': [
    'A client that ends before the 101 ends the request to the environment',
  ],
  'RFC 9110 §9.2.2 lets idempotent requests be tried again, and does not demand it': [
    'A GET on a connection that dies unused is sent once more',
    'A HEAD on a connection that dies unused is sent once more',
    'An OPTIONS on a connection that dies unused is sent once more',
    'A DELETE without a body on a connection that dies unused is sent once more',
    'A PUT without a body on a connection that dies unused is sent once more',
    'A GET of whose answer a byte came is not sent again',
    'A GET on a new connection that dies is not sent again: it may be what it dies of',
    'A GET on a new connection that dies is not sent again: it may be what it dies of',
  ],
  'RFC 9110 §15.6 lets a gateway say 502 or 504 as well': [
    'An environment that is not there is 503 with Retry-After',
    'A POST to an environment that is not there is 503 with Retry-After',
    'A socket file with nobody behind it is 503 with Retry-After',
  ],
}

/** Why a proxy that fails a case may be right all the same, by the case's name. */
const optional: ReadonlyMap<string, string> = new Map(
  Object.entries(reasons).flatMap(([reason, names]) =>
    names.map((name): [string, string] => [name, reason]),
  ),
)

/** Marks those of the cases. @throws where one is not among them, since its name has changed */
export function withOptional(cases: readonly Case[]): readonly Case[] {
  const names = new Set(cases.map(({ name }) => name))
  const unknown = [...optional.keys()].filter((name) => !names.has(name))
  if (unknown.length > 0) throw new Error(`There is no such case: ${unknown.join('; ')}`)
  return cases.map((row) => {
    const reason = optional.get(row.name)
    return reason === undefined ? row : { ...row, optional: reason }
  })
}
