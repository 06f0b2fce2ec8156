import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Linked, LinkedList } from './linked-list.js'

class Node implements Linked<Node> {
  list: LinkedList<Node> | undefined
  before: Node | undefined
  after: Node | undefined
}

function forwards(list: LinkedList<Node>): Node[] {
  const nodes: Node[] = []
  for (let node = list.first; node; node = node.after) nodes.push(node)
  return nodes
}

function backwards(list: LinkedList<Node>): Node[] {
  const nodes: Node[] = []
  for (let node = list.last; node; node = node.before) nodes.unshift(node)
  return nodes
}

it('is as a list that is copied with each change, whoever leaves', () => {
  const push = fc.constant('push' as const)
  const remove = fc.record({ remove: fc.nat({ max: 20 }) })
  fc.assert(
    fc.property(fc.array(fc.oneof(push, push, remove), { maxLength: 60 }), (steps) => {
      const list = new LinkedList<Node>()
      const ever: Node[] = []
      let model: Node[] = []
      for (const step of steps) {
        if (step === 'push') {
          const node = new Node()
          ever.push(node)
          model.push(node)
          list.push(node)
        } else {
          // Some of these have left before: once more changes nothing.
          const node = ever[step.remove % (ever.length + 1)] ?? new Node()
          model = model.filter((other) => other !== node)
          list.remove(node)
          expect(node).toEqual(new Node())
        }
        // By their places, since what links to itself can't be shown.
        const at = (node: Node): number => ever.indexOf(node)
        expect(forwards(list).map(at)).toEqual(model.map(at))
        expect(backwards(list).map(at)).toEqual(model.map(at))
        expect(list.length).toBe(model.length)
        expect(model.every((node) => node.list === list)).toBe(true)
      }
    }),
  )
})

it('leaves the members of another list where they are', () => {
  const list = new LinkedList<Node>()
  const other = new LinkedList<Node>()
  const node = new Node()
  other.push(node)
  list.remove(node)
  expect([list.length, other.length, other.first === node]).toEqual([0, 1, true])
})

it('takes back who has left, at its end', () => {
  const list = new LinkedList<Node>()
  const [first, second] = [new Node(), new Node()]
  list.push(first)
  list.push(second)
  list.remove(first)
  list.push(first)
  expect(forwards(list).map((node) => node === first)).toEqual([false, true])
})
