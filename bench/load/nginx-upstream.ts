import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startNative } from '../gateways/native-program.ts'
import { nginxHead, nginxWords } from '../gateways/nginx.ts'
import { largeAnswer, smallAnswer } from './content.ts'
import type { Upstream } from './upstream.ts'

/** Starts nginx as an upstream. @throws where it is not installed */
export async function startNginxUpstream(core: number): Promise<Upstream> {
  const { port, folder, close } = await startNative({
    program: 'nginx',
    core,
    words: nginxWords,
    configure: (chosen, root) => {
      writeFileSync(join(root, '100k'), largeAnswer)
      return configuration(chosen, root)
    },
  })
  return {
    tcp: { kind: 'tcp', host: '127.0.0.1', port },
    unix: { kind: 'unix', path: join(folder, 'socket') },
    async connectionCount() {
      const response = await fetch(`http://127.0.0.1:${port}/connections`)
      // "server accepts handled requests", and their numbers below.
      const [, accepted] = /requests\s+(\d+)/.exec(await response.text()) ?? []
      return Number(accepted)
    },
    [Symbol.asyncDispose]: close,
  }
}

const configuration = (port: number, folder: string): string => `${nginxHead(folder)}
  open_file_cache max=10;
  sendfile on;
  default_type text/plain;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    listen unix:${folder}/socket backlog=4096;
    location = / { return 200 "${smallAnswer}"; }
    location = /post { return 200 "${smallAnswer}"; }
    location = /100k { root ${folder}; }
    location = /connections { stub_status; }
  }
}
`
