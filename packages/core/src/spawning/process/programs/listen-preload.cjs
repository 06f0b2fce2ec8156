'use strict'
// Loaded into the Node.js programs of an environment, of any version from 18 on, by NODE_OPTIONS=--require: the first TCP
// server of the environment gets a free port on loopback instead of the one that it asks for, and the address is told to
// the gateway by a file. Plain CommonJS, since older versions strip no types; alone, since it runs inside of strangers'
// programs: whatever fails in here, the program goes on as if it were not there.

const directory = process.env.ALCOVE_REPORT
if (directory) {
  try {
    install(directory)
  } catch {
    // No net module, or a frozen one.
  }
}

/** @param {string} folder */
function install(folder) {
  const { errorMonitor } = require('node:events')
  const fs = require('node:fs')
  const net = require('node:net')
  const path = require('node:path')

  const wildcards = new Set(['', '0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0'])
  const listenAsBefore = net.Server.prototype.listen
  const openAsBefore = net._createServerHandle
  /** What of this thread is the environment's endpoint: a server, or a handle that a cluster shares. */
  let holder
  /** Ends that; does nothing where there is no holder. */
  let letGo = () => {}
  let isOver = () => false
  /** What tells the environment's other processes that there is a holder. */
  let claimPath = ''
  let count = 0

  const methods = {
    listen(...args) {
      let redirected
      try {
        redirected = redirect(this, args)
      } catch {
        redirected = undefined
      }
      if (redirected === undefined) return listenAsBefore.apply(this, args)
      try {
        return listenAsBefore.apply(this, redirected)
      } catch (error) {
        letGo()
        throw error
      }
    },
  }
  const descriptor = Object.getOwnPropertyDescriptor(net.Server.prototype, 'listen')
  Object.defineProperty(net.Server.prototype, 'listen', { ...descriptor, value: methods.listen })
  // By this the primary of a cluster opens the ports of workers that accept for themselves (SCHED_NONE).
  if (typeof openAsBefore === 'function') {
    net._createServerHandle = function _createServerHandle(...args) {
      return openShared(args) ?? openAsBefore.apply(this, args)
    }
  }

  /** The arguments to listen with instead; undefined: as they are. */
  function redirect(server, args) {
    const options = server.listening || !isFree() ? undefined : tcpOptions(args)
    if (options === undefined) return undefined
    const callback = args.slice(-1).filter((last) => typeof last === 'function')
    // A worker's port is opened, and told, by the primary of its cluster, which this is loaded into as well. The worker takes
    // any other port than the one that it asked for as taken (checkBindError() in lib/net.js), so it asks for none.
    if (require('node:cluster').isWorker && !options.exclusive) {
      const claimant = claimedBy()
      if (claimant !== undefined && claimant !== process.ppid) return undefined
      follow(server)
      return [{ ...options, port: 0 }, ...callback]
    }
    if (!claim()) return undefined
    hold(server)
    if (!isWildcard(options.host)) return [{ ...options, port: 0 }, ...callback]
    // With a handle it listens at once, as without a host; with a host it would have no address until the next tick.
    const handle = options.signal ? undefined : openLoopback()
    if (handle) return [handle, options.backlog, ...callback]
    return [{ ...options, host: '127.0.0.1', port: 0, ipv6Only: false }, ...callback]
  }

  /** undefined: it is closed. */
  function addressOf(handle) {
    const out = {}
    return handle && handle.getsockname(out) === 0 ? out : undefined
  }

  function isOpen(handle) {
    return addressOf(handle) !== undefined
  }

  function openLoopback() {
    const handle = openAsBefore && openAsBefore.call(net, '127.0.0.1', 0, 4)
    return typeof handle === 'object' && handle !== null ? handle : undefined
  }

  function openShared([address, port, type, fd, ...more]) {
    try {
      const isTcp = (type === 4 || type === 6) && Number.isInteger(port) && port >= 0 && !(fd >= 0)
      if (!isTcp || !isFree() || !claim()) return undefined
      const handle = isWildcard(address)
        ? openLoopback()
        : openAsBefore.call(net, address, 0, type, fd, ...more)
      if (typeof handle !== 'object' || handle === null) {
        unclaim()
        return undefined
      }
      holder = handle
      const out = addressOf(handle)
      isOver = () => !isOpen(handle)
      require('node:cluster').once('listening', () => report(out))
      return handle
    } catch {
      return undefined
    }
  }

  function hold(server) {
    let handle
    const listening = () => {
      // Kept, since the primary of a cluster takes it from its server (lib/internal/cluster/round_robin_handle.js).
      handle = server._handle
      // Not at once: who only tests whether a port is free closes the server in its own listener, or right after.
      setImmediate(() => {
        if (holder === server && isOpen(handle)) report(addressOf(handle))
      })
    }
    const failed = () => {
      if (!server.listening) letGo()
    }
    server.on('listening', listening)
    // It sees errors and leaves them unhandled where the program leaves them so.
    server.on(errorMonitor, failed)
    holder = server
    letGo = () => {
      server.off('listening', listening)
      server.off('close', letGo)
      server.off(errorMonitor, failed)
      letGo = () => {}
      holder = undefined
      unclaim()
    }
    server.on('close', letGo)
    // One that listens no more holds nothing, even while its connections end.
    isOver = () => handle !== undefined && !isOpen(handle)
  }

  /** A worker's server is the endpoint's as long as it listens; what there is to tell is the primary's. */
  function follow(server) {
    let opened = false
    server.once('listening', () => {
      opened = true
    })
    holder = server
    isOver = () => opened && !server.listening
    letGo = () => {
      letGo = () => {}
      holder = undefined
    }
  }

  function isFree() {
    if (holder !== undefined && isOver()) letGo()
    return holder === undefined
  }

  /** Reads listen()'s arguments as net.js does; undefined: no TCP, or wrong and Node.js's own error is due. */
  function tcpOptions(args) {
    const [first, second] = args
    if (typeof first === 'object' && first !== null) {
      const { port } = first
      if (first._handle || first.handle || typeof first.fd === 'number') return undefined
      if (typeof first.getsockname === 'function') return undefined
      if (port === undefined || port === null) {
        return port === null || 'port' in first ? { ...first } : undefined
      }
      return isPort(port) ? { ...first } : undefined
    }
    if (args.length === 0 || typeof first === 'function') return {}
    if (first !== undefined && first !== null && !isPort(first)) return undefined
    const backlog = args.slice(1, 3).find((value) => typeof value === 'number')
    return { host: typeof second === 'string' ? second : undefined, backlog }
  }

  function isPort(value) {
    if (typeof value === 'string' && value.trim() === '') return false
    if (typeof value !== 'string' && typeof value !== 'number') return false
    return Number.isInteger(Number(value)) && Number(value) >= 0 && Number(value) <= 65535
  }

  function isWildcard(host) {
    return host === undefined || host === null || wildcards.has(host)
  }

  /** Whether this process now is the one with the endpoint: by the first free number, which a link takes at once or not at all. */
  function claim() {
    const own = path.join(folder, `claiming-${process.pid}-${(count += 1)}`)
    fs.writeFileSync(own, `${process.pid} ${startTime(process.pid)}`)
    try {
      for (let number = 1; ; number += 1) {
        const candidate = path.join(folder, `claim-${number}`)
        try {
          fs.linkSync(own, candidate)
          claimPath = candidate
          return true
        } catch (error) {
          if (error.code !== 'EEXIST') return false
        }
        if (holderOf(candidate) !== undefined) return false
      }
    } finally {
      fs.unlinkSync(own)
    }
  }

  /** The living process that a claim is of. */
  function holderOf(claimFile) {
    const [pid, start] = fs.readFileSync(claimFile, 'latin1').split(' ')
    const lives = pid !== '0' && isAlive(Number(pid)) && startTime(Number(pid)) === start
    return lives ? Number(pid) : undefined
  }

  /** The process that has the endpoint now. */
  function claimedBy() {
    for (let number = 1; ; number += 1) {
      const candidate = path.join(folder, `claim-${number}`)
      if (!fs.existsSync(candidate)) return undefined
      const pid = holderOf(candidate)
      if (pid !== undefined) return pid
    }
  }

  function unclaim() {
    try {
      fs.writeFileSync(`${claimPath}.new`, '0')
      fs.renameSync(`${claimPath}.new`, claimPath)
    } catch {
      // The environment is being ended.
    }
  }

  function isAlive(pid) {
    try {
      return process.kill(pid, 0)
    } catch (error) {
      return error.code === 'EPERM'
    }
  }

  /** proc_pid_stat(5), since pids are used again; elsewhere the pid has to do. */
  function startTime(pid) {
    try {
      const line = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
      return line.slice(line.lastIndexOf(')') + 2).split(' ')[19]
    } catch {
      return ''
    }
  }

  function report(address) {
    try {
      if (!address || typeof address !== 'object') return
      const file = path.join(folder, 'port')
      const own = `${file}-${process.pid}-${(count += 1)}`
      fs.writeFileSync(own, `${address.address} ${address.port} ${process.pid}-${count}`)
      fs.renameSync(own, file)
    } catch {
      // The environment is being ended.
    }
  }
}
