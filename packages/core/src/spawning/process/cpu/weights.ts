/**
 * What a nice value weighs, from -20 to 19: sched_prio_to_weight of kernel/sched/core.c. The scheduler gives those who want one core
 * at a time parts of it in proportion to their weights; a group counts as one of them, at its own weight.
 */
const weights = [
  88_761, 71_755, 56_483, 46_273, 36_291, 29_154, 23_254, 18_705, 14_949, 11_916, 9_548, 7_620,
  6_100, 4_904, 3_906, 3_121, 2_501, 1_991, 1_586, 1_277, 1_024, 820, 655, 526, 423, 335, 272, 215,
  172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
] as const

const nicest = 19
/** What a `cpu.weight` of 100, the default of cgroup v2, is in the scheduler's own unit: sched_weight_from_cgroup(). */
const defaultWeight = 1024
const defaultCgroupWeight = 100

/**
 * The part of the share that is aimed at. At the very weight for 0.2, 0.199 were measured; what a core's ticks and the moving
 * averages that the kernel shares a group's weight out by add to that would be past it.
 */
const aim = 0.8

/** What a thread, or an autogroup, of a nice value weighs. */
export function weightOf(nice: number): number {
  return weights[Math.min(Math.max(Math.trunc(nice), -20), nicest) + 20] ?? defaultWeight
}

/** A `cpu.weight` that means the same as a weight, and is no whole number yet. */
export const cgroupWeight = (weight: number): number =>
  (weight * defaultCgroupWeight) / defaultWeight

/** What all environments together may weigh, so that beside one thread of the gateway they get a bit less than `share`. */
export function groupWeight(share: number, gatewayWeight: number): number {
  const aimedAt = share * aim
  return (gatewayWeight * aimedAt) / (1 - aimedAt)
}

/**
 * The lowest nice value at which so many sessions, of which each weighs for itself, get a bit less than `share` together. No lower than it
 * has to be: they stand behind all other sessions of the machine as well. At 19, of weight 15, 17 of them reach a fifth.
 */
export function niceFor(share: number, gatewayWeight: number, sessions: number): number {
  const each = groupWeight(share, gatewayWeight) / sessions
  for (let nice = 0; nice < nicest; nice += 1) if (weightOf(nice) <= each) return nice
  return nicest
}

/** A weight as a file of the kernel takes it. */
export function inRange(weight: number, least: number, most: number): number {
  return Math.min(Math.max(Math.floor(weight), least), most)
}
