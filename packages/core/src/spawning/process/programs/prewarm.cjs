'use strict'
// Loaded into a Node.js process that is to wait for an environment, ahead of everything else, by NODE_OPTIONS=--require: it
// loads what it is told to, and then blocks in a read, while Node.js is still about to start its program. So nothing runs
// while it waits, and the program is started by Node.js itself, in its usual place: all that is changed is which one it is.
// Plain CommonJS, since older versions strip no types.
//
// Over the inherited socket come and go lines of JSON:
//   → { from, preload, nodeOptions }                 what to load, and from which folder
//   ← { ready: { reads } }                           or { failed: why, name }
//   → { argv, cwd, variables }                       the environment that takes it over
//   ← { taken: true }                                or { stale: true }, or { failed: why }

const channel = Number(process.env.ALCOVE_PREWARM)
// A worker thread, or a program that the environment starts, is not asked to wait.
if (channel > 0) wait()

function wait() {
  const fs = require('node:fs')
  const Module = require('node:module')
  const path = require('node:path')
  const variables = process.env
  delete variables.ALCOVE_PREWARM
  leaveNoTrace()

  let rest = Buffer.alloc(0)
  const order = receive()
  setVariable('NODE_OPTIONS', order.nodeOptions)
  const watched = watchVariables()
  const loaded = load(order)
  process.env = variables
  send({ ready: { reads: [...watched.reads] } })

  const work = receive()
  if (!loaded.every(isAsBefore)) {
    send({ stale: true })
    giveUp()
  }
  try {
    process.chdir(work.cwd)
  } catch (error) {
    fail(error)
  }
  for (const name of Object.keys(variables)) delete variables[name]
  Object.assign(variables, work.variables)
  // What a module sets as it is loaded, it would have set in the environment's own process as well.
  for (const [name, value] of watched.writes) setVariable(name, value)
  const [entry = '', ...programArguments] = work.argv
  const program = path.resolve(entry)
  process.argv.splice(1, process.argv.length, program, ...programArguments)
  // Where Node.js looks for other modules that are loaded ahead, by the folder it was started in.
  if (module.parent) module.parent.paths = Module._nodeModulePaths(process.cwd())
  startInstead(program)
  send({ taken: true })
  fs.closeSync(channel)

  /** Loads the modules; the files that they are of, as they are now. */
  function load({ from, preload }) {
    const beganMs = Date.now()
    const urls = new Set()
    // It alone knows the files of ES modules; missing before 22.15, where none can be required either.
    const hooks = Module.registerHooks?.({
      resolve(specifier, context, nextResolve) {
        const found = nextResolve(specifier, context)
        urls.add(found.url)
        return found
      },
    })
    const resolver = Module.createRequire(path.join(from, 'prewarm'))
    // A module may see by whom it was loaded first: by nobody's folder.
    const requireFromNowhere = Module.createRequire('/prewarm')
    for (const name of preload) {
      try {
        requireFromNowhere(resolver.resolve(name))
      } catch (error) {
        fail(error, name)
      }
    }
    hooks?.deregister()
    const files = new Set(Object.keys(require.cache))
    for (const url of urls) {
      if (url.startsWith('file:')) files.add(require('node:url').fileURLToPath(url))
    }
    const readyMs = Date.now()
    return [...files].flatMap((file) => {
      const found = fs.statSync(file, { throwIfNoEntry: false })
      if (!found) return []
      const { mtimeMs, size } = found
      // Written meanwhile: nobody knows whether it was before it was read.
      return [{ file, size, mtimeMs: mtimeMs > beganMs && mtimeMs <= readyMs ? -1 : mtimeMs }]
    })
  }

  function isAsBefore({ file, mtimeMs, size }) {
    const found = fs.statSync(file, { throwIfNoEntry: false })
    return found !== undefined && found.mtimeMs === mtimeMs && found.size === size
  }

  /** Which variables are read and set meanwhile: an environment for which they differ must not get this process. */
  function watchVariables() {
    const reads = new Set()
    const writes = new Map()
    const note = (name) => {
      if (typeof name === 'string' && !writes.has(name)) reads.add(name)
    }
    process.env = new Proxy(variables, {
      get(target, name) {
        note(name)
        return target[name]
      },
      has(target, name) {
        note(name)
        return name in target
      },
      set(target, name, value) {
        target[name] = value
        writes.set(name, target[name])
        return true
      },
      deleteProperty(target, name) {
        writes.set(name, undefined)
        return delete target[name]
      },
    })
    return { reads, writes }
  }

  function setVariable(name, value) {
    if (value === undefined) delete variables[name]
    else variables[name] = value
  }

  /**
   * run_main_module.js in lib/internal/main calls Module.runMain with the program of the command line, and documents that it may
   * be replaced by what was loaded ahead. A bound function leaves no line of its own in the program's stack traces.
   */
  function startInstead(main) {
    const property = Object.getOwnPropertyDescriptor(Module, 'runMain')
    Object.defineProperty(Module, 'runMain', {
      configurable: true,
      enumerable: property.enumerable,
      get() {
        Object.defineProperty(Module, 'runMain', property)
        return property.value.bind(Module, main)
      },
    })
  }

  function leaveNoTrace() {
    delete require.cache[__filename]
    const siblings = module.parent?.children
    if (siblings) siblings.splice(siblings.indexOf(module), 1)
  }

  function receive() {
    for (;;) {
      const end = rest.indexOf(10)
      if (end >= 0) {
        const line = rest.toString('utf8', 0, end)
        rest = rest.subarray(end + 1)
        return JSON.parse(line)
      }
      const block = Buffer.allocUnsafe(65_536)
      const length = readBlock(block)
      // The gateway is gone, or needs this process no more.
      if (length === 0) giveUp()
      rest = Buffer.concat([rest, block.subarray(0, length)])
    }
  }

  function readBlock(block) {
    for (;;) {
      try {
        return fs.readSync(channel, block)
      } catch (error) {
        if (error.code !== 'EINTR') return 0
      }
    }
  }

  function send(message) {
    let left = Buffer.from(`${JSON.stringify(message)}\n`)
    while (left.length > 0) {
      try {
        left = left.subarray(fs.writeSync(channel, left))
      } catch (error) {
        if (error.code !== 'EINTR') giveUp()
      }
    }
  }

  function fail(error, name) {
    send({ failed: String(error?.message ?? error).split('\n')[0], name })
    giveUp()
  }

  /** Not process.exit(): nothing that was loaded is to run once more. */
  function giveUp() {
    process.kill(process.pid, 'SIGKILL')
    for (;;);
  }
}
