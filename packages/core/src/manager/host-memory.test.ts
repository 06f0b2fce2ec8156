import { freemem, totalmem } from 'node:os'
import { describe, expect, it } from 'vitest'
import { hostMemory } from './host-memory.js'

const mebibyte = 2 ** 20

/** A host whose kernel files are these. */
function host(files: Readonly<Record<string, string>>): ReturnType<typeof hostMemory> {
  return hostMemory((path) => files[path])
}

const meminfo =
  'MemTotal:       8000000 kB\nMemFree:          100000 kB\nMemAvailable:    2048000 kB\n'

describe('hostMemory()', () => {
  it('is that of this machine, or less', () => {
    const memory = hostMemory()
    expect(memory.totalBytes).toBeGreaterThan(0)
    expect(memory.totalBytes).toBeLessThanOrEqual(totalmem())
    expect(memory.availableBytes()).toBeGreaterThan(0)
    expect(memory.availableBytes()).toBeLessThanOrEqual(memory.totalBytes)
  })

  it('counts the caches of files as available', () => {
    expect(host({ '/proc/meminfo': meminfo }).availableBytes()).toBe(2_048_000 * 1_024)
  })

  it('is what the kernel calls free where it says nothing of what is available', () => {
    expect(host({}).availableBytes()).toBeLessThanOrEqual(Math.max(freemem() * 2, mebibyte))
  })

  it('is what a control group of version 2 has left', () => {
    const memory = host({
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '0::/system.slice/gateway.service\n',
      '/sys/fs/cgroup/system.slice/gateway.service/memory.max': String(512 * mebibyte),
      '/sys/fs/cgroup/system.slice/gateway.service/memory.current': String(500 * mebibyte),
      '/sys/fs/cgroup/system.slice/gateway.service/memory.stat': `anon 1\ninactive_file ${100 * mebibyte}\nactive_file 7\n`,
    })
    expect(memory.totalBytes).toBe(512 * mebibyte)
    expect(memory.availableBytes()).toBe(112 * mebibyte)
  })

  it('or of version 1, whose own paths in a container begin at the root', () => {
    const memory = host({
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '12:pids:/docker/abc\n5:memory:/docker/abc\n0::/docker/abc\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': String(256 * mebibyte),
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': String(250 * mebibyte),
      '/sys/fs/cgroup/memory/memory.stat': `cache 5\ntotal_inactive_file ${50 * mebibyte}\n`,
    })
    expect(memory.totalBytes).toBe(256 * mebibyte)
    expect(memory.availableBytes()).toBe(56 * mebibyte)
  })

  it.each([
    ['max', '/sys/fs/cgroup/memory.max', '0::/\n'],
    ['9223372036854771712', '/sys/fs/cgroup/memory/memory.limit_in_bytes', '5:memory:/\n'],
  ])('is the machine’s where the group has no limit (%s)', (limit, path, cgroup) => {
    const memory = host({ '/proc/meminfo': meminfo, '/proc/self/cgroup': cgroup, [path]: limit })
    expect(memory.totalBytes).toBe(totalmem())
    expect(memory.availableBytes()).toBe(2_048_000 * 1_024)
  })
})
