import { expect, test } from 'vitest'
import { ProcFolder } from './fixtures/proc-folder.js'
import { kernelGroupFiles } from './group-files.js'
import { type OwnCgroup, ownCgroup } from './own-cgroup.js'

const v1 = '9:name=systemd:/a\n2:cpu,cpuacct:/a\n1:cpuset:/other\n0::/a\n'

test('the controller’s own hierarchy comes before the one of version 2', () => {
  const own = look(v1, [
    '30 22 0:26 / /cgroup/cpuset rw - cgroup cgroup rw,cpuset',
    '31 22 0:27 / /cgroup/cpu rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct',
    '32 22 0:28 / /cgroup/unified rw - cgroup2 cgroup2 rw',
  ])
  expect(own).toMatchObject({ version: 1, path: '/a', folder: '/cgroup/cpu/a', isRoot: false })
})

test('a mount may show a part of the hierarchy, under a name with spaces', () => {
  const mounts = ['31 22 0:27 /docker/1 /a\\040b rw - cgroup2 cgroup2 rw']
  expect(look('0::/docker/1/x\n', mounts)).toMatchObject({ version: 2, folder: '/a b/x' })
  expect(look('0::/docker/1\n', mounts)).toMatchObject({ folder: '/a b' })
  expect(look('0::/docker/12\n', mounts)).toMatchObject({ folder: undefined })
  expect(look('0::/../x\n', mounts)).toMatchObject({ folder: undefined })
})

test('what is not mounted has no folder', () => {
  expect(look(v1, [])).toMatchObject({ version: 1, folder: undefined, top: undefined })
})

test('a kernel without control groups has none', () => {
  expect(look('', [])).toBeUndefined()
})

test('the root is told from a container’s own by the namespace', () => {
  const mounts = ['31 22 0:27 / /cgroup rw - cgroup2 cgroup2 rw']
  expect(look('0::/\n', mounts)).toMatchObject({ isRoot: true, top: '/cgroup' })
  expect(look('0::/\n', mounts, 4_026_532_000)).toMatchObject({ isRoot: false, top: undefined })
})

function look(
  groups: string,
  mounts: readonly string[],
  namespace?: number,
): OwnCgroup | undefined {
  const proc = new ProcFolder(namespace === undefined ? {} : { namespace })
  proc.write('self/cgroup', groups).write('self/mountinfo', `${mounts.join('\n')}\n`)
  return ownCgroup({ proc: proc.path, files: kernelGroupFiles })
}
