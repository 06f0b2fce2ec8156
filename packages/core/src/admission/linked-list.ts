/** A member of a {@link LinkedList}. */
export interface Linked<Node extends Linked<Node>> {
  list: LinkedList<Node> | undefined
  before: Node | undefined
  after: Node | undefined
}

/** A list whose members leave from anywhere at the same cost: whoever waits in a line may go at any time. */
export class LinkedList<Node extends Linked<Node>> {
  first: Node | undefined
  last: Node | undefined
  length = 0

  push(node: Node): void {
    node.list = this
    node.before = this.last
    node.after = undefined
    if (this.last) this.last.after = node
    else this.first = node
    this.last = node
    this.length += 1
  }

  /** Idempotent. */
  remove(node: Node): void {
    if (node.list !== this) return
    if (node.before) node.before.after = node.after
    else this.first = node.after
    if (node.after) node.after.before = node.before
    else this.last = node.before
    node.list = undefined
    node.before = undefined
    node.after = undefined
    this.length -= 1
  }
}
