import type { Scene } from '../../subject.ts'
import type { Head } from '../../wire/head.ts'
import type { Wire } from '../../wire/wire.ts'

/** The head of a WebSocket's opening (RFC 6455 §1.3), with these fields more. */
export function opening(...more: readonly string[]): string {
  return [
    'GET /ws?x=1 HTTP/1.1',
    'Host: shop.test',
    'Connection: keep-alive, Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...more,
    '\r\n',
  ].join('\r\n')
}

/** The answer to it (RFC 6455 §1.3). */
export function agreement(...more: readonly string[]): string {
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    ...more,
    '\r\n',
  ].join('\r\n')
}

/** A client that has asked for an upgrade, and the connection on which that arrived. */
export interface Asked {
  readonly client: Wire
  readonly wire: Wire
  readonly head: Head
}

export async function ask(scene: Scene, request = opening()): Promise<Asked> {
  const client = await scene.wire()
  client.send(request)
  const wire = await scene.environment.connection()
  return { client, wire, head: await wire.head() }
}

/** A tunnel that stands. */
export async function open(scene: Scene): Promise<Asked> {
  const asked = await ask(scene)
  asked.wire.send(agreement())
  await asked.client.head()
  return asked
}
