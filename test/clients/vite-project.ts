import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Spec } from '@alcove/core'

const root = fileURLToPath(new URL('../..', import.meta.url))
const vite = join(dirname(join(root, 'node_modules/vite/package.json')), 'bin/vite.js')

const page = `<!doctype html>
<title>Vite</title>
<link rel="icon" href="data:," />
<p id="message"></p>
<button id="count">0</button>
<script type="module" src="/main.js"></script>
`

const main = `import { message } from './message.js'
import './style.css'

const show = (text) => { document.querySelector('#message').textContent = text }
show(message)
const button = document.querySelector('#count')
button.addEventListener('click', () => { button.textContent = Number(button.textContent) + 1 })
import.meta.hot.accept('./message.js', (changed) => show(changed.message))
`

// Vite does not say by itself when it has begun to watch: an earlier edit may be missed.
const config = `export default {
  clearScreen: false,
  optimizeDeps: { noDiscovery: true },
  plugins: [{
    name: 'tells-when-it-watches',
    configureServer({ watcher }) { watcher.on('ready', () => console.log('watching')) },
  }],
}
`

/** A project for Vite in a folder of its own. */
export class ViteProject implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'alcove-vite-'))

  /** @param message - What the page shows. */
  constructor(public message: string) {
    this.#write('index.html', page)
    this.#write('main.js', main)
    this.#write('vite.config.mjs', config)
    this.paint('rgb(1, 2, 3)')
    this.say(message)
  }

  /** What runs it: Vite's development server as it is, told nothing of a gateway. */
  get spec(): Spec {
    // The native loader, since the other one writes a file beside the configuration.
    const command = [process.execPath, vite, '--configLoader', 'native']
    return { run: { command, cwd: this.#folder, listen: 'reported-port' } }
  }

  /** Edits a module, which the page takes without a reload. */
  say(message: string): void {
    this.message = message
    this.#write('message.js', `export const message = '${message}'\n`)
  }

  /** Edits the style sheet. */
  paint(colour: string): void {
    this.#write('style.css', `p { color: ${colour} }\n`)
  }

  /** Edits the page itself, which has to be loaded again. */
  rename(title: string): void {
    this.#write('index.html', page.replace('Vite', title))
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#folder, name), text)
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
