import assert from 'node:assert/strict'
import type {
  Claim,
  Coordinator,
  Entry,
  Limits,
  Published,
  Session,
} from '../coordination/coordinator.js'
import type { TestApi } from './test-api.js'

/** A coordinator to be tested. */
export interface CoordinatorFixture {
  /** A new one, that knows nothing. */
  make(): Promise<{ readonly coordinator: Coordinator; dispose(): Promise<void> }>
}

const unlimited: Limits = {
  maxEnvironments: Number.POSITIVE_INFINITY,
  maxPerOwner: Number.POSITIVE_INFINITY,
}
const never = new AbortController().signal

/**
 * The conformance suite of {@link Coordinator}: what any has to do, whoever keeps its memory.
 *
 * @example
 * ```ts
 * describeCoordinator({ describe, it }, 'in-memory', {
 *   make: async () => ({ coordinator: inMemoryCoordinator(), dispose: async () => {} }),
 * })
 * ```
 */
export function describeCoordinator(
  { describe, it }: TestApi,
  name: string,
  fixture: CoordinatorFixture,
): void {
  const test = (sentence: string, run: (join: () => Promise<Session>) => Promise<void>): void => {
    it(sentence, async () => {
      const { coordinator, dispose } = await fixture.make()
      const sessions: Session[] = []
      try {
        await run(async () => {
          const session = await coordinator.join(`gateway-${sessions.length}`, never)
          sessions.push(session)
          return session
        })
      } finally {
        await Promise.all(sessions.map((session) => session.close()))
        await dispose()
      }
    })
  }

  describe(`${name}, as any coordinator`, () => {
    test('gives the claim to start to one of many, and lets the others wait for it', async (join) => {
      const [a, b] = [await join(), await join()]
      const entries = await Promise.all([enter(a, 'x'), enter(b, 'x'), enter(a, 'x')])
      const claims = entries.filter(({ is }) => is === 'claimed')
      assert.equal(claims.length, 1)
      assert.equal(entries.filter(({ is }) => is === 'busy').length, 2)
    })

    test('wakes who waits, and makes them users, once the instance is published', async (join) => {
      const [a, b] = [await join(), await join()]
      const claim = claimOf(await enter(a, 'x'))
      const waiting = await enter(b, 'x')
      assert(waiting.is === 'busy')
      await start(claim)
      await waiting.changed
      const entry = await enter(b, 'x')
      assert(entry.is === 'running')
      assert.deepEqual(entry.at, published('x', 1))
    })

    test('counts generations up, over failures and stops', async (join) => {
      const session = await join()
      const first = claimOf(await enter(session, 'x'))
      await first.end()
      const second = claimOf(await enter(session, 'x'))
      await start(second)
      await (await session.leave('x', second.generation, 'stop'))?.end()
      const third = claimOf(await enter(session, 'x'))
      assert(first.generation < second.generation && second.generation < third.generation)
    })

    test('lets the last user alone stop it', async (join) => {
      const [a, b] = [await join(), await join()]
      const { generation } = await start(claimOf(await enter(a, 'x')))
      await enter(b, 'x')
      assert.equal(await a.leave('x', generation, 'stop'), undefined)
      const claim = await b.leave('x', generation, 'stop')
      assert.equal(claim?.to, 'stop')
      assert.equal(claim.generation, generation)
      assert.deepEqual(claim.at, published('x', generation))
      await claim.end()
      assert.equal((await enter(a, 'x')).is, 'claimed')
    })

    test('lets nobody in while it is stopped', async (join) => {
      const [a, b] = [await join(), await join()]
      const { generation } = await start(claimOf(await enter(a, 'x')))
      const claim = await a.leave('x', generation, 'stop')
      const entry = await enter(b, 'x')
      assert(entry.is === 'busy')
      await claim?.end()
      await entry.changed
    })

    test('ignores a leave of another generation', async (join) => {
      const session = await join()
      const { generation } = await start(claimOf(await enter(session, 'x')))
      assert.equal(await session.leave('x', generation + 1, 'stop'), undefined)
      assert.equal((await enter(session, 'x')).is, 'running')
    })

    test('gives an operator the claim whoever uses it, and asks the others to drain', async (join) => {
      const [a, b] = [await join(), await join()]
      const asked: unknown[] = []
      b.onChange((id, _now, ask) => asked.push([id, ask]))
      await start(claimOf(await enter(a, 'x')))
      await enter(b, 'x')
      const claim = await a.claim('x', 'stop', never)
      assert.equal(claim?.to, 'stop')
      assert.deepEqual(asked.at(-1), ['x', 'drain'])
      await claim.end()
    })

    test('has no claim for what is not there, and waits for one under way', async (join) => {
      const [a, b] = [await join(), await join()]
      assert.equal(await a.claim('x', 'stop', never), undefined)
      const claim = claimOf(await enter(a, 'x'))
      const second = b.claim('x', 'stop', never)
      await start(claim)
      assert.equal((await second)?.generation, claim.generation)
    })

    test('heeds the abort of a wait for a claim', async (join) => {
      const session = await join()
      claimOf(await enter(session, 'x'))
      const controller = new AbortController()
      const waiting = session.claim('x', 'stop', controller.signal)
      controller.abort(new Error('enough'))
      await assert.rejects(waiting, { message: 'enough' })
    })

    test('keeps a failure until its back-off is over, and tells it to all', async (join) => {
      const [a, b] = [await join(), await join()]
      await claimOf(await enter(a, 'x')).end({
        reason: 'broke',
        retryAfterMs: 60_000,
        consecutive: 2,
      })
      const entry = await enter(b, 'x')
      assert(entry.is === 'failed')
      assert.equal(entry.failure.reason, 'broke')
      assert(entry.failure.retryAfterMs > 0 && entry.failure.retryAfterMs <= 60_000)
      assert.equal(await a.claim('x', 'stop', never), undefined)
      assert.equal((await enter(b, 'x')).is, 'claimed', 'an operator’s stop forgets it')
    })

    test('hands the last failure to the start that follows it', async (join) => {
      const session = await join()
      await claimOf(await enter(session, 'x')).end({
        reason: 'broke',
        retryAfterMs: 0,
        consecutive: 2,
      })
      assert.equal(claimOf(await enter(session, 'x')).after?.consecutive, 2)
    })

    test('counts the first report of an end, and none of another generation', async (join) => {
      const [a, b] = [await join(), await join()]
      const { generation } = await start(claimOf(await enter(a, 'x')))
      await enter(b, 'x')
      await a.exited('x', generation - 1, { reason: 'older', retryAfterMs: 60_000 })
      assert.equal((await enter(a, 'x')).is, 'running')
      await a.exited('x', generation, { reason: 'first', retryAfterMs: 60_000 })
      await b.exited('x', generation, { reason: 'second', retryAfterMs: 60_000 })
      const entry = await enter(b, 'x')
      assert(entry.is === 'failed')
      assert.equal(entry.failure.reason, 'first')
    })

    test('reserves places atomically, over all sessions, and frees them', async (join) => {
      const [one, other] = [await join(), await join()]
      const limits = { ...unlimited, maxEnvironments: 10 }
      const entries = await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          (i % 2 ? one : other).enter(`e${i}`, 'o', limits, never),
        ),
      )
      const claims = entries.filter((entry) => entry.is === 'claimed')
      assert.equal(claims.length, 10)
      assert(
        entries.every(
          (entry) =>
            entry.is === 'claimed' || (entry.is === 'refused' && entry.limit === 'maxEnvironments'),
        ),
      )
      await claims[0]?.claim.end()
      assert.equal((await other.enter('late', 'o', limits, never)).is, 'claimed')
    })

    test('counts by owner', async (join) => {
      const session = await join()
      const limits = { ...unlimited, maxPerOwner: 1 }
      const first = await session.enter('a', 'ann', limits, never)
      assert.deepEqual(await session.enter('b', 'ann', limits, never), {
        is: 'refused',
        limit: 'maxPerOwner',
      })
      assert.equal((await session.enter('c', 'bob', limits, never)).is, 'claimed')
      const { generation } = await start(claimOf(first), 'ann')
      await session.exited('a', generation)
      assert.equal((await session.enter('b', 'ann', limits, never)).is, 'claimed')
    })

    test('frees the claims and uses of a session that closes, and tells it that it is lost', async (join) => {
      const [a, b] = [await join(), await join()]
      claimOf(await enter(a, 'x'))
      const { generation } = await start(claimOf(await enter(a, 'y')))
      await enter(b, 'y')
      await a.close()
      await a.close()
      assert(a.lost.aborted)
      assert.equal((await enter(b, 'x')).is, 'claimed')
      assert.equal((await b.leave('y', generation, 'stop'))?.generation, generation)
    })

    test('lets a claim be used no more once it has ended', async (join) => {
      const session = await join()
      const claim = claimOf(await enter(session, 'x'))
      await claim.end()
      await assert.rejects(claim.publish(published('x', 1)), { code: 'ALCOVE_CLAIM_LOST' })
      await assert.rejects(claim.end(), { code: 'ALCOVE_CLAIM_LOST' })
    })

    test('a replacement gets a new generation, and one that fails leaves the old serving', async (join) => {
      const session = await join()
      const { generation } = await start(claimOf(await enter(session, 'x')))
      const failed = await session.claim('x', 'replace', never)
      assert(failed !== undefined && failed.generation > generation)
      await failed.end({ reason: 'broke', retryAfterMs: 0 })
      const entry = await enter(session, 'x')
      assert(entry.is === 'running' && entry.at.generation === generation)
      const claim = await session.claim('x', 'replace', never)
      await claim?.publish(published('x', claim.generation))
      await claim?.end()
      const replaced = await enter(session, 'x')
      assert(replaced.is === 'running' && replaced.at.generation === claim?.generation)
    })

    test('an instance that ends while it is replaced keeps its place for its successor', async (join) => {
      const session = await join()
      const limits = { ...unlimited, maxEnvironments: 1 }
      const first = claimOf(await session.enter('x', 'o', limits, never))
      const { generation } = await start(first)
      const claim = await session.claim('x', 'replace', never)
      await session.exited('x', generation, { reason: 'broke', retryAfterMs: 60_000 })
      assert.equal((await session.enter('x', 'o', limits, never)).is, 'busy')
      assert.equal((await session.enter('y', 'o', limits, never)).is, 'refused')
      await claim?.publish(published('x', claim.generation))
      await claim?.end()
      const entry = await session.enter('x', 'o', limits, never)
      assert(entry.is === 'running' && entry.at.generation === claim?.generation)
      assert.equal((await session.enter('y', 'o', limits, never)).is, 'refused')
      await session.exited('x', claim.generation)
      assert.equal((await session.enter('y', 'o', limits, never)).is, 'claimed')
    })

    test('one that ends while it is replaced by one that fails leaves its place', async (join) => {
      const session = await join()
      const limits = { ...unlimited, maxEnvironments: 1 }
      const first = claimOf(await session.enter('x', 'o', limits, never))
      const { generation } = await start(first)
      const claim = await session.claim('x', 'replace', never)
      await session.exited('x', generation)
      await claim?.end()
      assert.equal((await session.enter('y', 'o', limits, never)).is, 'claimed')
    })

    test('a replacement that is gone once it was published gives way to the old instance again', async (join) => {
      const session = await join()
      const { generation } = await start(claimOf(await enter(session, 'x')))
      const claim = await session.claim('x', 'replace', never)
      await claim?.publish(published('x', claim.generation))
      await claim?.publish(published('x', generation))
      await claim?.end()
      const entry = await enter(session, 'x')
      assert(entry.is === 'running' && entry.at.generation === generation)
    })

    test('a suspended instance is resumed by one', async (join) => {
      const session = await join()
      const { generation } = await start(claimOf(await enter(session, 'x')))
      const claim = await session.leave('x', generation, 'suspend')
      assert.equal(claim?.to, 'suspend')
      await claim.publish({ ...published('x', generation), suspended: true })
      await claim.end()
      const resume = claimOf(await enter(session, 'x'))
      assert.equal(resume.to, 'resume')
      assert.equal(resume.generation, generation)
      assert.equal((await enter(session, 'x')).is, 'busy')
      await start(resume)
      assert.equal((await enter(session, 'x')).is, 'running')
    })
  })
}

function enter(session: Session, id: string): Promise<Entry> {
  return session.enter(id, 'owner', unlimited, never)
}

function claimOf(entry: Entry): Claim {
  assert(entry.is === 'claimed', `Expected a claim, got ${entry.is}`)
  return entry.claim
}

async function start(claim: Claim, owner = 'owner'): Promise<Claim> {
  await claim.publish({ ...published('x', claim.generation), owner })
  await claim.end()
  return claim
}

function published(id: string, generation: number): Published {
  return {
    id,
    generation,
    owner: 'owner',
    specHash: 'hash',
    handle: { pid: 1 },
    endpoint: { kind: 'tcp', host: '127.0.0.1', port: 1 },
    suspended: false,
  }
}
