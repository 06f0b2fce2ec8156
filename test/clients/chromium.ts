import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

/** A Chromium without a window, whose every file is in a folder that goes with it. */
export class Chromium implements AsyncDisposable {
  private constructor(
    private readonly browser: Browser,
    private readonly home: string,
  ) {}

  static async launch(executablePath: string): Promise<Chromium> {
    const home = await mkdtemp(join(tmpdir(), 'alcove-chromium-'))
    try {
      const browser = await chromium.launch({
        executablePath,
        args: [
          // It wants a user who is not root, or namespaces; the pages here are the tests' own.
          '--no-sandbox',
          '--disable-dev-shm-usage',
          // The tests' certificate is of nobody. `ignoreHTTPSErrors` is for pages alone, and Vite asks from a worker.
          '--ignore-certificate-errors',
        ],
        env: { ...process.env, ...homeIn(home) },
      })
      return new Chromium(browser, home)
    } catch (error) {
      await rm(home, { recursive: true, force: true })
      throw error
    }
  }

  /** A profile of its own: no cookie or cache of another one is in it. */
  profile(): Promise<BrowserContext> {
    return this.browser.newContext()
  }

  async page(): Promise<Page> {
    return (await this.profile()).newPage()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close()
    // Its helpers may still be writing.
    await rm(this.home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
}

function homeIn(home: string): Record<string, string> {
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_CACHE_HOME: join(home, 'cache'),
    // No message bus of the user's.
    DBUS_SESSION_BUS_ADDRESS: 'disabled:',
  }
}

/** Runs text in a page: the types of a browser's own names are not for tests. */
export async function inPage<T>(page: Page, body: string): Promise<T> {
  return (await page.evaluate(`(async () => { ${body} })()`)) as T
}
