import { describe, expect, it } from 'vitest'
import { FairOrder } from './fair-order.js'

interface Waiting {
  readonly owner: string
  readonly name: string
  readonly turn: number
}

/** A queue that is served lowest turn first, and first come, first served. */
class Line {
  readonly order = new FairOrder()
  readonly served: string[] = []
  readonly #waiting: Waiting[] = []

  join(owner: string, name = owner): void {
    this.#waiting.push({ owner, name, turn: this.order.next(owner) })
  }

  serve(): void {
    const first = this.#waiting.toSorted((a, b) => a.turn - b.turn)[0]
    if (!first) return
    this.#waiting.splice(this.#waiting.indexOf(first), 1)
    this.order.served(first.owner, first.turn)
    this.served.push(first.name)
  }

  serveAll(): readonly string[] {
    while (this.#waiting.length > 0) this.serve()
    return this.served
  }
}

describe('FairOrder', () => {
  it('alternates between owners, however many places in the queue one of them takes', () => {
    const line = new Line()
    for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) line.join(name[0] as string, name)
    expect(line.serveAll()).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  })

  it('lets whoever just came in at the turn of now, and not at the first', () => {
    const line = new Line()
    for (let count = 0; count < 20; count += 1) line.join('a')
    for (let count = 0; count < 10; count += 1) line.serve()
    line.join('b')
    line.join('b')
    line.join('b')
    expect(line.serveAll().slice(10, 17)).toEqual(['b', 'a', 'b', 'a', 'b', 'a', 'a'])
  })

  it('gives whoever asks again after each turn no more than the others', () => {
    const line = new Line()
    for (let count = 0; count < 10; count += 1) line.join('patient')
    line.join('hasty')
    for (let count = 0; count < 10; count += 1) {
      line.serve()
      if (line.served.at(-1) === 'hasty') line.join('hasty')
    }
    expect(line.served.filter((name) => name === 'hasty').length).toBeLessThanOrEqual(5)
  })

  it('reaches everybody, however many others come who have never been served', () => {
    const line = new Line()
    line.join('x', 'x1')
    line.join('x', 'x2')
    for (let count = 0; count < 20 && !line.served.includes('x2'); count += 1) {
      line.join(`new-${count}`)
      line.serve()
    }
    expect(line.served).toContain('x2')
  })

  it('forgets owners whose turns are over', () => {
    const line = new Line()
    for (let count = 0; count < 5; count += 1) line.join('always')
    for (let count = 0; count < 2_000; count += 1) {
      line.join('always')
      line.join(`owner-${count}`)
      line.serve()
      line.serve()
    }
    expect(line.order.remembered).toBeLessThan(500)
  })

  it('does not wait for those who have left', () => {
    const { order } = new Line()
    order.next('gone')
    order.next('stays')
    order.left('gone')
    expect(order.next('stays')).toBe(1)
  })
})
