import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Admission } from '../admission/admission.js'
import type { Line } from '../admission/line.js'
import type { Place } from '../admission/place.js'
import type { Waiter, Waiting } from '../admission/waiter.js'
import type { State } from '../environment/state.js'
import { UpstreamConnectError, UpstreamConnectTimeoutError } from '../errors.js'
import { isUploading, mayFollow } from '../forwarding/body.js'
import { type Gone, unwatchEnd, watchEnd } from '../forwarding/client-side.js'
import { type FrontRequest, type FrontResponse, clientIsGone } from '../forwarding/messages.js'
import type { Outcome } from '../forwarding/passage.js'
import type { Lease } from '../instance/lease.js'
import { LimitError } from '../limit-errors.js'
import type { EnvironmentManager } from '../manager/manager.js'
import type { EnvironmentMatch, RequestHead } from '../routing/router.js'
import { acquireAgain, acquireFor } from './acquire.js'
import { askHost, assertMayStart, type Authorize, type CrossSiteStarts } from './authorization.js'
import { restConnection } from './connection-rest.js'
import { waitForConnection } from './connection-turn.js'
import { heldBytes, isBehind } from './held-client.js'
import { holdBack } from './hold-back.js'
import { mayWake, type ShouldWake } from './waking.js'

/** Whom visits are to. */
export interface VisitHost {
  readonly manager: EnvironmentManager
  readonly admission: Admission
  readonly authorize: Authorize | undefined
  readonly crossSiteStarts: CrossSiteStarts
  readonly shouldWake: ShouldWake
}

/**
 * One request on its way from the door to an environment: authorize, lease, place, use, and all of it given back; where nothing could
 * be connected to, the environment is looked at, and asked once more. Nothing waits beside it while it goes on at once, as most do: no
 * promise is made.
 */
export abstract class Visit implements Waiting, Outcome, Gone {
  #line: Line | undefined
  #owner: string | undefined
  /** Rate limits know of it. */
  #counted = false
  #lease: Lease | undefined
  #place: Place | undefined
  #waiter: Waiter | undefined
  #endWait: (() => void) | undefined
  #refused: UpstreamConnectError | undefined

  /** @param client - The response, or the socket of an upgrade. */
  constructor(
    protected readonly host: VisitHost,
    protected readonly request: FrontRequest,
    protected readonly client: FrontResponse | Duplex,
    protected readonly head: RequestHead,
    protected readonly match: EnvironmentMatch,
  ) {}

  /** Has a lease and a place used, and tells {@link done} or {@link failed}; both are released afterwards. */
  protected abstract use(lease: Lease, place: Place): void

  /** It is over: with the error to answer with, or without where nothing is left to be said. */
  protected abstract end(error?: unknown): void

  begin(): void {
    const { admission, authorize } = this.host
    const { request, client, match } = this
    try {
      this.#line = admission.arrive(match.id)
      admission.assertNotOverloaded(this.#line)
      // Where nobody can refuse it, it waits for its connection in any case: one read may bring hundreds.
      const isLetIn = !authorize && !admission.limitsRates(this.#line)
      if (
        isLetIn &&
        'req' in client &&
        !admission.hasRoom(this.#line) &&
        isBehind(request, client)
      ) {
        this.#waitForConnection(client as ServerResponse, () => this.#ask())
      } else {
        this.#ask()
      }
    } catch (error) {
      this.failed(error)
    }
  }

  #ask(): void {
    const { authorize } = this.host
    if (!authorize) {
      this.#authorized(undefined)
      return
    }
    void askHost(authorize, this.request, this.match).then(
      (owner) => this.#authorized(owner),
      (error: unknown) => this.failed(error),
    )
  }

  #authorized(owner: string | undefined): void {
    const { admission } = this.host
    try {
      this.#owner = owner
      if (owner !== undefined || !admission.limitsOwners) this.#count(owner)
      this.#acquire()
    } catch (error) {
      this.failed(error)
    }
  }

  #acquire(): void {
    const lease = this.host.manager.acquireReady(this.match.id)
    if (lease) this.#enter(lease)
    else {
      void this.#waitForStart().then(
        (started) => this.#enter(started),
        (error: unknown) => this.failed(error),
      )
    }
  }

  async #waitForStart(): Promise<Lease | undefined> {
    const { manager, admission, crossSiteStarts, shouldWake } = this.host
    const { request, client, head, match } = this
    const state = manager.get(match.id)?.state ?? 'stopped'
    // One that is going down would be started again for it.
    if (state === 'stopped' || state === 'failed' || state === 'stopping') {
      assertMayStart(head, match.id, crossSiteStarts)
    }
    const how = {
      ...(this.#owner !== undefined && { owner: this.#owner }),
      ...(match.template !== undefined && { template: match.template }),
      ...(!isUnderWay(state) && { wake: mayWake(shouldWake, head, match) }),
    }
    const left = new AbortController()
    const held = admission.waitForStart(this.#line as Line, heldBytes(request), {
      turnAway: (error) => left.abort(error),
    })
    try {
      return await (this.#refused
        ? acquireAgain(client, manager, match.id, how, this.#refused, undefined, left)
        : acquireFor(client, manager, match.id, how, left))
    } finally {
      held.release()
    }
  }

  /** @param lease - `undefined`: the client has left. */
  #enter(lease: Lease | undefined): void {
    this.#lease = lease
    if (!lease) {
      this.#ended()
      return
    }
    const { admission } = this.host
    const { request, client } = this
    try {
      // Of an environment that runs, the owner is known even where the host names none.
      if (!this.#counted) this.#count(this.host.manager.ownerOf(this.match.id))
      // Only a response knows of a request.
      if (!('req' in client)) this.#use(admission.enterTunnel(this.#line as Line))
      // What a small body consists of is mostly here a moment after its head, and then it is no upload.
      else if (mayFollow(request))
        void Promise.resolve().then(() => this.#guarded(() => this.#enterInTurn()))
      else this.#enterInTurn()
    } catch (error) {
      this.failed(error)
    }
  }

  /** The owner's first: whoever is refused there uses up nothing of what the environment may have. */
  #count(owner: string | undefined): void {
    const { admission } = this.host
    const line = this.#line as Line
    if (owner !== undefined) admission.assertOwnerRate(line, owner)
    admission.assertRate(line)
    this.#counted = true
  }

  #enterInTurn(): void {
    const { admission } = this.host
    const { request, client } = this
    const line = this.#line as Line
    // It may have left before anybody watched.
    if (clientIsGone(request, client as FrontResponse)) {
      this.#ended()
      return
    }
    const streams = isUploading(request)
    const place = admission.enter(line, streams)
    if (place) {
      this.#use(place)
      return
    }
    if (isBehind(request, client as FrontResponse)) {
      this.#waitForConnection(client as ServerResponse, () => this.#acquire())
      return
    }
    const waiter = admission.queue(line, streams, heldBytes(request), this)
    // It may have been let in by now.
    if (waiter.list) this.#watchWait(waiter)
  }

  /** In line it would take room from others for nothing. */
  #waitForConnection(response: ServerResponse, then: () => void): void {
    const { admission, manager } = this.host
    const { clock } = manager
    this.#giveBack()
    this.#endWait = waitForConnection(
      admission,
      clock,
      this.#line as Line,
      this.request,
      response,
      {
        goOn: () => {
          this.#waited()
          this.#guarded(then)
        },
        leave: () => {
          this.#waited()
          this.#ended()
        },
      },
    )
  }

  #watchWait(waiter: Waiter): void {
    this.#waiter = waiter
    // Only a response waits in line.
    watchEnd(this.client as FrontResponse, this)
    this.#lease?.onRevoke(() => this.#leave())
  }

  /** Its client has left. */
  closed(): void {
    this.#leave()
  }

  /** Its client has left, or its instance is about to. */
  #leave(): void {
    if (!this.#waiter) return
    this.#waiter.leave()
    this.#waited()
    const { request, client } = this
    if (client.writableEnded || clientIsGone(request, client as FrontResponse)) {
      this.#ended()
    } else {
      this.#giveBack()
      this.#guarded(() => this.#acquire())
    }
  }

  #waited(): void {
    if (this.#waiter) unwatchEnd(this.client as FrontResponse)
    this.#waiter = undefined
    this.#endWait?.()
    this.#endWait = undefined
  }

  admitted(place: Place): void {
    this.#waited()
    this.#place = place
    // In a tick of its own: whoever has made room is not done yet, and nobody's failure is another's.
    process.nextTick(useAdmitted, this)
  }

  turnedAway(error: LimitError): void {
    this.#waited()
    this.failed(error)
  }

  /** Its turn has come. */
  useAdmitted(): void {
    const place = this.#place as Place
    // All of an upload may have come meanwhile.
    if (place.streams && !isUploading(this.request)) place.uploaded()
    this.#guarded(() => this.#use(place))
  }

  #use(place: Place): void {
    this.#place = place
    this.use(this.#lease as Lease, place)
  }

  done(): void {
    this.#ended()
  }

  failed(error: unknown): void {
    const { manager } = this.host
    if (error instanceof UpstreamConnectError || error instanceof UpstreamConnectTimeoutError) {
      if (this.#lease) manager.reportUnreachable(this.#lease)
      // No second attempt after a timeout: it would wait as long.
      if (error instanceof UpstreamConnectError && !this.#refused && this.#lease) {
        this.#refused = error
        this.#giveBack()
        this.#guarded(() => this.#acquire())
        return
      }
    }
    if (error instanceof LimitError && this.#line) void this.#holdBack(error, this.#line)
    else this.#ended(error)
  }

  async #holdBack(error: LimitError, line: Line): Promise<void> {
    const { request, client } = this
    this.#giveBack()
    const isAnswered = await holdBack(this.host, request, client, line, error)
    this.#ended(isAnswered ? error : undefined)
  }

  #ended(error?: unknown): void {
    const line = this.#line
    const { admission } = this.host
    this.#giveBack()
    if (line) {
      if ('req' in this.client && error === undefined)
        restConnection(admission, line, this.request, this.client)
      admission.depart(line)
    }
    this.#line = undefined
    this.end(error)
  }

  #giveBack(): void {
    this.#place?.release()
    this.#place = undefined
    this.#lease?.release()
    this.#lease = undefined
  }

  #guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.failed(error)
    }
  }
}

/** Nobody has to start it any more. */
function isUnderWay(state: State): boolean {
  return state === 'starting' || state === 'resuming' || state === 'unready'
}

function useAdmitted(visit: Visit): void {
  visit.useAdmitted()
}
