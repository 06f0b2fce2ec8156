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
  const original = net.Server.prototype.listen
  const originalHandle = net._createServerHandle
  /** What of this thread is the environment's endpoint: a server, or a handle that a cluster shares. */
  let holder
  /** Whether the holder has listened: one that does so no more holds nothing, even while its connections end. */
  let opened = false
  /** What tells the environment's other processes that there is a holder. */
  let claimPath = ''
  let count = 0

  const methods = {
    listen(...args) {
      let redirected
      try {
        redirected = isFree() ? redirect(this, args) : undefined
      } catch {
        redirected = undefined
      }
      if (redirected === undefined) return original.apply(this, args)
      try {
        return original.apply(this, redirected)
      } catch (error) {
        release(this)
        throw error
      }
    },
  }
  const descriptor = Object.getOwnPropertyDescriptor(net.Server.prototype, 'listen')
  Object.defineProperty(net.Server.prototype, 'listen', { ...descriptor, value: methods.listen })

  // The primary of a cluster opens its workers' ports by this where it does not accept for them (SCHED_NONE).
  if (typeof originalHandle === 'function') {
    net._createServerHandle = function _createServerHandle(address, port, type, fd, ...more) {
      const isTcp = (type === 4 || type === 6) && Number.isInteger(port) && port >= 0 && !(fd >= 0)
      if (!isTcp || !isFree() || !claim()) {
        return originalHandle.call(this, address, port, type, fd, ...more)
      }
      const host = isWildcard(address) ? '127.0.0.1' : address
      const handle = originalHandle.call(this, host, 0, isWildcard(address) ? 4 : type, fd)
      if (typeof handle === 'object' && handle !== null) {
        holder = handle
        const out = {}
        handle.getsockname(out)
        setImmediate(() => report(out))
      } else {
        unclaim()
      }
      return handle
    }
  }

  /** The arguments to listen with instead; undefined: as they are. */
  function redirect(server, args) {
    if (server.listening) return undefined
    const options = tcpOptions(args)
    if (options === undefined) return undefined
    // A worker's port is opened by the primary of its cluster, which this is loaded into as well.
    if (require('node:cluster').isWorker && !options.exclusive) return undefined
    if (!claim()) return undefined
    hold(server)
    const { ipv6Only, ...rest } = options
    const host = isWildcard(options.host) ? '127.0.0.1' : options.host
    const callback = args[args.length - 1]
    const kept = isWildcard(options.host) || ipv6Only === undefined ? rest : options
    const changed = { ...kept, host, port: 0 }
    return typeof callback === 'function' ? [changed, callback] : [changed]
  }

  function hold(server) {
    const listening = () => {
      opened = true
      // Not at once: who only tests whether a port is free closes the server in its own listener, or right after.
      setImmediate(() => {
        if (holder === server && server.listening) report(server.address())
      })
    }
    const over = () => {
      server.off('listening', listening)
      server.off('close', over)
      server.off(errorMonitor, failed)
      release(server)
    }
    const failed = () => {
      if (!server.listening) over()
    }
    holder = server
    opened = false
    server.on('listening', listening)
    server.on('close', over)
    // It sees errors and leaves them unhandled where the program leaves them so.
    server.on(errorMonitor, failed)
  }

  function isFree() {
    if (holder !== undefined && opened && holder.listening === false) release(holder)
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
        return 'port' in first && !first.path ? { ...first } : undefined
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

  function release(server) {
    if (holder !== server) return
    holder = undefined
    unclaim()
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
        const [pid, start] = fs.readFileSync(candidate, 'latin1').split(' ')
        if (pid !== '0' && isAlive(Number(pid)) && startTime(Number(pid)) === start) return false
      }
    } finally {
      fs.unlinkSync(own)
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
