import { describe, expect, it } from 'vitest'
import { FairOrder } from './fair-order.js'

/** Serves all that came, lowest turn first. */
function serve(waiting: { name: string; turn: number }[], order: FairOrder): string[] {
  return waiting
    .toSorted((a, b) => a.turn - b.turn)
    .map(({ name, turn }) => {
      order.served(turn)
      return name
    })
}

describe('FairOrder', () => {
  it('alternates between owners, however many places one of them takes', () => {
    const order = new FairOrder()
    const waiting = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map((name) => ({
      name,
      turn: order.next(name[0] as string),
    }))
    expect(serve(waiting, order)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  })

  it('lets whoever just came in at the turn of now, and not at the first', () => {
    const order = new FairOrder()
    for (let count = 0; count < 10; count += 1) order.served(order.next('a'))
    const a = order.next('a')
    const b = [order.next('b'), order.next('b')] as const
    expect(b[0]).toBeLessThan(a)
    expect(b[1]).toBeGreaterThanOrEqual(a)
  })

  it('gives whoever asks again after each turn no more than the others', () => {
    const order = new FairOrder()
    const patient = [order.next('patient'), order.next('patient'), order.next('patient')]
    const served: string[] = []
    let hasty = order.next('hasty')
    while (patient.length > 0) {
      const turn = Math.min(hasty, patient[0] as number)
      order.served(turn)
      if (turn === patient[0]) {
        patient.shift()
        served.push('patient')
      } else {
        served.push('hasty')
        hasty = order.next('hasty')
      }
    }
    expect(served.filter((who) => who === 'hasty').length).toBeLessThanOrEqual(3)
  })

  it('forgets owners whose turns are long over', () => {
    const order = new FairOrder()
    for (let count = 0; count < 10_000; count += 1) {
      order.next('always')
      order.served(order.next('always'))
      order.next(`owner-${count}`)
    }
    expect(order.remembered).toBeLessThan(1_000)
    order.reset()
    expect(order.remembered).toBe(0)
  })
})
