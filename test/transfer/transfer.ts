import { json } from 'node:stream/consumers'
import { Client, type Front } from './client.ts'
import { count, nothing, type Passed, pour } from './content.ts'

/** Which way the bytes go, and whether anybody has said before how many they are. */
export const directions = ['download', 'chunked download', 'upload', 'chunked upload'] as const
export type Direction = (typeof directions)[number]

/** Passes that many bytes through a gateway. Rejects where they are not the same at both ends. */
export async function transfer(
  front: Front,
  port: number,
  direction: Direction,
  bytes: number,
): Promise<void> {
  await using client = await Client.to(front, port)
  const isChunked = direction.startsWith('chunked')
  const { sent, received } = direction.endsWith('upload')
    ? await upload(client, bytes, isChunked ? {} : { 'content-length': bytes })
    : await download(client, isChunked ? `/chunked/${bytes}` : `/${bytes}`)
  if (sent.bytes === bytes && received.bytes === bytes && sent.crc === received.crc) return
  throw new Error(
    `Of ${bytes} bytes, ${sent.bytes} were sent with the checksum ${sent.crc} and ${received.bytes} received with ${received.crc}`,
  )
}

/** What was sent at one end of a gateway, and what came out at the other. */
interface Ends {
  readonly sent: Passed
  readonly received: Passed
}

async function upload(
  client: Client,
  bytes: number,
  headers: Readonly<Record<string, number>>,
): Promise<Ends> {
  const { up, down } = client.request('POST', '/', headers)
  const sent = nothing()
  await pour(up, bytes, sent)
  up.end()
  return { sent, received: (await json(await down)) as Passed }
}

async function download(client: Client, path: string): Promise<Ends> {
  const { up, down } = client.request('GET', path)
  up.end()
  const received = nothing()
  for await (const chunk of await down) count(received, chunk as Buffer)
  return { sent: await passed(client), received }
}

/** How far the environment has come with the last answer that it has begun. */
export async function passed(client: Client): Promise<Passed> {
  const { up, down } = client.request('GET', '/passed')
  up.end()
  return (await json(await down)) as Passed
}
