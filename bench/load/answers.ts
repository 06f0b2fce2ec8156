import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { largeAnswer, smallAnswer } from './content.ts'

/** Shows that a gateway answers right, before it is measured. @throws where it does not */
export async function checkAnswers(name: string, port: number): Promise<void> {
  await check(name, port, 'GET', '/', (body) => body === smallAnswer)
  await check(name, port, 'GET', '/100k', (body) => body === largeAnswer)
  await check(name, port, 'POST', '/post', (body) => body === smallAnswer)
}

async function check(
  name: string,
  port: number,
  method: 'GET' | 'POST',
  path: string,
  isRight: (body: string) => boolean,
): Promise<void> {
  const { status, body } = await answerTo(port, method, path)
  if (status === 200 && isRight(body)) return
  const got = `${status} ${JSON.stringify(body.slice(0, 80))}`
  throw new Error(
    `${name} answers ${method} ${path} with ${got}, which is not the upstream's answer`,
  )
}

function answerTo(
  port: number,
  method: 'GET' | 'POST',
  path: string,
): Promise<{ status: number | undefined; body: string }> {
  const isPost = method === 'POST'
  const headers = {
    'x-env-id': 'bench',
    ...(isPost && { 'content-type': 'application/octet-stream', 'content-length': 1024 }),
  }
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, method, path, headers, agent: false },
      (response) => {
        const status = response.statusCode
        text(response).then((body) => resolve({ status, body }), reject)
      },
    )
    asked.once('error', reject)
    asked.end(isPost ? 'a'.repeat(1024) : undefined)
  })
}
