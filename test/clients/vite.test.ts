import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Chromium, inPage } from './chromium.ts'
import { changesOf, printedBy } from './environments.ts'
import { Feed } from './feed.ts'
import { type Front, Host } from './host.ts'
import { systemProgram } from './system-program.ts'
import { ViteProject } from './vite-project.ts'

const executable = systemProgram('chromium') ?? ''
const ids = ['left', 'right'] as const
type Id = (typeof ids)[number]

describe.skipIf(executable === '')('a page of Vite in Chromium,', () => {
  const projects = new Map<string, ViteProject>(ids.map((id) => [id, new ViteProject(id)]))
  const project = (id: Id): ViteProject => projects.get(id) as ViteProject
  let chromium: Chromium
  let first: Host

  beforeAll(async () => {
    const launched = Chromium.launch(executable)
    first = await Host.listen('Express 5', { specFor: ({ id }) => projects.get(id)?.spec })
    const printed = printedBy(first.manager)
    await Promise.all([
      launched,
      ...ids.map(async (id) => {
        await first.manager.create(id)
        await printed.next((line) => line.id === id && line.text === 'watching')
      }),
    ])
    chromium = await launched
  })
  afterAll(async () => {
    await chromium[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
    for (const one of projects.values()) one[Symbol.dispose]()
  })

  describe.each<[Front, string, string]>([
    ['Express 5', 'http/1.1', 'ws'],
    ['TLS', 'h2', 'wss'],
  ])('by %s,', (front, protocol, scheme) => {
    const sockets = new Feed<string>()
    const pages = {} as Record<Id, Page>
    let host: Host

    beforeAll(async () => {
      // The same environments, by another door.
      const { manager } = first
      host = front === first.front ? first : await Host.listen(front, { manager })
      await Promise.all(
        ids.map(async (id) => {
          const page = await chromium.page()
          pages[id] = page
          page.on('websocket', (socket) => sockets.push(`${id} ${socket.url()}`))
          await page.goto(host.urlOf(id))
          await page.getByText(project(id).message, { exact: true }).waitFor()
        }),
      )
    })
    afterAll(async () => {
      for (const page of Object.values(pages)) await page.context().close()
      if (host !== first) await host[Symbol.asyncDispose]()
    })

    /** Puts something into the page that a reload would lose. */
    async function use(page: Page): Promise<void> {
      await inPage(page, 'window.since = "before"')
      for (let i = 0; i < 3; i += 1) await page.locator('#count').click()
    }
    async function stateOf(page: Page): Promise<unknown> {
      return [await inPage(page, 'return window.since'), await page.textContent('#count')]
    }
    async function edit(id: Id, message: string): Promise<void> {
      project(id).say(message)
      await pages[id].getByText(message, { exact: true }).waitFor()
    }
    const messageOf = (id: Id): Promise<string | null> => pages[id].textContent('#message')

    it('is that of the environment in its address, with each of its modules', async () => {
      for (const id of ids) {
        expect(await messageOf(id)).toContain(id)
        const loaded = await inPage<Record<string, string>>(
          pages[id],
          `return Object.fromEntries(
            ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type))
              .map(({ name, nextHopProtocol }) => [name.split('?')[0], nextHopProtocol]))`,
        )
        // Vite marks what was edited with a query.
        const paths = ['/', '/main.js', '/message.js', '/style.css', '/@vite/client']
        const modules = paths.map((path) => [host.urlOf(id, path), protocol])
        expect(loaded).toMatchObject(Object.fromEntries(modules))
      }
    })

    it('has its WebSocket by the gateway, and by nothing else', async () => {
      for (const id of ids) {
        const url = await sockets.next((socket) => socket.startsWith(id))
        expect(url).toContain(`${id} ${scheme}://${id}.localhost:${host.port}/?token=`)
        await expect.poll(() => host.manager.explain(id).leases.upgrade).toBe(1)
      }
      expect(sockets.untaken).toEqual([])
    })

    it('takes an edit without a reload, and the other page does not', async () => {
      await use(pages.left)
      await use(pages.right)
      const right = project('right').message
      await edit('left', `left, edited by ${front}`)
      expect(await stateOf(pages.left)).toEqual(['before', '3'])
      expect(await messageOf('right')).toBe(right)
      await edit('right', `right, edited by ${front}`)
      expect(await stateOf(pages.right)).toEqual(['before', '3'])
      expect(await messageOf('left')).toBe(`left, edited by ${front}`)
    })

    it('takes an edit of a style sheet without a reload', async () => {
      const colour = `return getComputedStyle(document.querySelector('#message')).color`
      project('left').paint(`rgb(4, 5, ${front.length})`)
      await expect.poll(() => inPage(pages.left, colour)).toBe(`rgb(4, 5, ${front.length})`)
      expect(await stateOf(pages.left)).toEqual(['before', '3'])
    })

    it('is loaded again where that is what an edit takes', async () => {
      const loaded = pages.left.waitForEvent('load')
      project('left').rename(`renamed by ${front}`)
      await loaded
      expect(await pages.left.title()).toBe(`renamed by ${front}`)
      expect(await stateOf(pages.left)).toEqual([undefined, '0'])
    })

    it('comes back by itself after its environment was stopped, and starts it', async () => {
      const changes = changesOf(host.manager)
      const loads = new Feed<true>()
      pages.right.on('load', () => loads.push(true))
      await host.manager.stop('right', { drainMs: 100 })
      await changes.next((change) => /^right#\d+ ready$/.test(change))
      await loads.next()
      await pages.right.getByText(project('right').message, { exact: true }).waitFor()
    })
  })
})
