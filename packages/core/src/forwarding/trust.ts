import { BlockList, isIP } from 'node:net'
import { type Rule, boolean, func } from '../option-check.js'
import { callingNow } from './hook-call.js'

/**
 * Which peers may say for whom they ask: all or none, those in a list of addresses and CIDR ranges, or those for which a function
 * returns `true` (at once, no promise). A peer on a Unix socket has the address `''`: it is among all, and in no list.
 */
export type TrustProxy = boolean | readonly string[] | ((remoteAddress: string) => boolean)

export const trustProxyRule: Rule = {
  expected: 'true, false, a list of addresses and CIDR ranges such as "10.0.0.0/8", or a function',
  holds: (value) =>
    boolean.holds(value) ||
    func.holds(value) ||
    (Array.isArray(value) && value.every((entry) => typeof entry === 'string' && isRange(entry))),
}

/**
 * The function that an option stands for, of an address or, on a Unix socket, none.
 *
 * @throws (the function) {@link HookFailedError} where the host's function throws, or returns a promise
 */
export function trustOf(
  option: TrustProxy = false,
): (remoteAddress: string | undefined) => boolean {
  if (typeof option === 'boolean') return () => option
  if (typeof option === 'function') {
    // A host without types may answer anything: only what is clearly a yes is one.
    const ask: (remoteAddress: string) => unknown = option
    return (remoteAddress = '') =>
      callingNow('trustProxy', undefined, () => ask(remoteAddress)) === true
  }
  const list = new BlockList()
  for (const entry of option) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return (remoteAddress) => {
    const family = isIP(remoteAddress ?? '')
    return family !== 0 && list.check(remoteAddress ?? '', family === 6 ? 'ipv6' : 'ipv4')
  }
}

function isRange(entry: string): boolean {
  const [address = '', bits, more] = entry.split('/')
  const family = isIP(address)
  if (family === 0 || more !== undefined) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32))
}
