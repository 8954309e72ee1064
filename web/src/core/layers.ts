/**
 * Places the nodes of a directed graph in columns, so that edges run from left to right.
 *
 * The usual four steps: break circles, choose columns, order each column by where its neighbours stand, place without
 * overlap. Edges that pass columns get a place of their own in each. The same graph always gives the same picture.
 */

export interface LayerNode {
  id: string
  height: number
}

export interface LayerEdge {
  source: string
  target: string
}

export interface Point {
  x: number
  y: number
}

export interface Placed extends Point {
  column: number
}

export interface PlacedEdge extends LayerEdge {
  /** From the right side of one end to the left side of the other, by way of its places in between. */
  points: Point[]
}

export interface Layout {
  width: number
  height: number
  /** Top left corners. */
  nodes: ReadonlyMap<string, Placed>
  edges: PlacedEdge[]
}

export interface Spacing {
  nodeWidth: number
  columnGap: number
  rowGap: number
}

const SWEEPS = 6
const PASSING_HEIGHT = 8

interface Item {
  id: string
  height: number
  column: number
  /** Centre. */
  y: number
  before: Item[]
  after: Item[]
  /** A place of an edge in a column that it passes. */
  isPassing: boolean
}

export function layOut(nodes: readonly LayerNode[], edges: readonly LayerEdge[], spacing: Spacing): Layout {
  const items = new Map<string, Item>()
  for (const { id, height } of nodes) {
    if (!items.has(id)) items.set(id, item(id, height))
  }
  const known = forwardEdges(items, edges)
  chooseColumns(items, known)
  const paths = known.map((edge) => ({ edge, path: throughColumns(items, edge) }))
  const columns = toColumns(items)
  order(columns)
  place(columns, spacing.rowGap)

  const all = columns.flat()
  const top = Math.min(0, ...all.map(({ y, height }) => y - height / 2))
  const x = (column: number): number => column * (spacing.nodeWidth + spacing.columnGap)
  const placed = new Map<string, Placed>()
  for (const { id, height, column, y, isPassing } of all) {
    if (!isPassing) placed.set(id, { x: x(column), y: y - top - height / 2, column })
  }
  return {
    width: Math.max(0, x(columns.length) - spacing.columnGap),
    height: Math.max(0, ...all.map(({ y, height }) => y - top + height / 2)),
    nodes: placed,
    edges: paths.map(({ edge, path }) => {
      const points = path.flatMap((one, index) => {
        const left = { x: x(one.column), y: one.y - top }
        const right = { x: x(one.column) + spacing.nodeWidth, y: one.y - top }
        return index === 0 ? [right] : index === path.length - 1 ? [left] : [left, right]
      })
      return edge.isReversed
        ? { source: edge.target, target: edge.source, points: points.reverse() }
        : { source: edge.source, target: edge.target, points }
    }),
  }
}

interface Forward extends LayerEdge {
  /** It runs from right to left, since it closes a circle. */
  isReversed: boolean
}

function item(id: string, height: number, isPassing = false): Item {
  return { id, height, column: 0, y: 0, before: [], after: [], isPassing }
}

/** Edges between nodes that are there, each once, with those turned round that close a circle. */
function forwardEdges(items: ReadonlyMap<string, Item>, edges: readonly LayerEdge[]): Forward[] {
  const targets = new Map<string, string[]>()
  const seen = new Set<string>()
  const kept = edges.filter(({ source, target }) => {
    const key = JSON.stringify([source, target])
    if (source === target || !items.has(source) || !items.has(target) || seen.has(key)) return false
    seen.add(key)
    targets.set(source, [...(targets.get(source) ?? []), target])
    return true
  })
  const state = new Map<string, 'open' | 'done'>()
  const back = new Set<string>()
  for (const root of items.keys()) {
    if (state.has(root)) continue
    // By hand and not by recursion: a graph may be one long chain.
    const stack = [{ id: root, next: 0 }]
    state.set(root, 'open')
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const target = targets.get(top.id)?.[top.next++]
      if (target === undefined) {
        state.set(top.id, 'done')
        stack.pop()
      } else if (state.get(target) === 'open') back.add(JSON.stringify([top.id, target]))
      else if (!state.has(target)) {
        state.set(target, 'open')
        stack.push({ id: target, next: 0 })
      }
    }
  }
  return kept.map(({ source, target }) =>
    back.has(JSON.stringify([source, target]))
      ? { source: target, target: source, isReversed: true }
      : { source, target, isReversed: false },
  )
}

/** Every node one column right of the last one that leads to it; beginnings close to what they lead to. */
function chooseColumns(items: ReadonlyMap<string, Item>, edges: readonly Forward[]): void {
  const incoming = new Map<string, number>()
  const targets = new Map<string, Item[]>()
  for (const { source, target } of edges) {
    const to = items.get(target)
    if (!to) continue
    incoming.set(target, (incoming.get(target) ?? 0) + 1)
    targets.set(source, [...(targets.get(source) ?? []), to])
  }
  const ready = [...items.values()].filter(({ id }) => !incoming.has(id))
  const sorted: Item[] = []
  for (let one = ready.shift(); one; one = ready.shift()) {
    sorted.push(one)
    for (const target of targets.get(one.id) ?? []) {
      target.column = Math.max(target.column, one.column + 1)
      const left = (incoming.get(target.id) ?? 1) - 1
      incoming.set(target.id, left)
      if (left === 0) ready.push(target)
    }
  }
  const hasSource = new Set(edges.map(({ target }) => target))
  for (const one of sorted.reverse()) {
    const following = targets.get(one.id) ?? []
    if (!hasSource.has(one.id) && following.length > 0)
      one.column = Math.min(...following.map(({ column }) => column)) - 1
  }
  const first = Math.min(0, ...sorted.map(({ column }) => column))
  for (const one of sorted) one.column -= first
}

/** The ends of an edge and its places in the columns between, linked up. */
function throughColumns(items: Map<string, Item>, { source, target }: Forward): Item[] {
  const from = items.get(source)
  const to = items.get(target)
  if (!from || !to) return []
  const path = [from]
  for (let column = from.column + 1; column < to.column; column++) {
    const passing = item(JSON.stringify([source, target, column]), PASSING_HEIGHT, true)
    passing.column = column
    items.set(passing.id, passing)
    path.push(passing)
  }
  path.push(to)
  for (let index = 1; index < path.length; index++) {
    const [a, b] = [path[index - 1], path[index]]
    if (!a || !b) continue
    a.after.push(b)
    b.before.push(a)
  }
  return path
}

function toColumns(items: ReadonlyMap<string, Item>): Item[][] {
  const columns: Item[][] = []
  for (const one of items.values()) (columns[one.column] ??= []).push(one)
  return Array.from(columns, (column: Item[] | undefined) => column ?? [])
}

/** Orders every column by the middle of its neighbours, to and fro. */
function order(columns: readonly Item[][]): void {
  const rank = new Map<Item, number>()
  const note = (column: readonly Item[]): void => column.forEach((one, index) => rank.set(one, index))
  columns.forEach(note)
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const rightwards = sweep % 2 === 0
    for (const column of rightwards ? columns : [...columns].reverse()) {
      const wish = new Map(
        column.map((one) => {
          const near = rightwards ? one.before : one.after
          const places = near.map((other) => rank.get(other) ?? 0)
          return [one, places.length > 0 ? mean(places) : (rank.get(one) ?? 0)]
        }),
      )
      column.sort(
        (a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0) || (rank.get(a) ?? 0) - (rank.get(b) ?? 0),
      )
      note(column)
    }
  }
}

/** Draws every node towards its neighbours, as far as those above and below let it. */
function place(columns: readonly Item[][], gap: number): void {
  for (const column of columns) {
    let y = 0
    for (const one of column) {
      one.y = y + one.height / 2
      y += one.height + gap
    }
    for (const one of column) one.y -= (y - gap) / 2
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const rightwards = sweep % 2 === 0
    for (const column of rightwards ? columns : [...columns].reverse()) {
      const wishes = column.map((one) => {
        const near = rightwards ? one.before : one.after
        return near.length > 0 ? mean(near.map(({ y }) => y)) : one.y
      })
      settle(column, wishes, gap)
    }
  }
}

/** The places closest to the wishes that keep order and distance: neighbours in conflict move as one block. */
function settle(column: readonly Item[], wishes: readonly number[], gap: number): void {
  const offsets: number[] = []
  column.forEach((one, index) => {
    const above = column[index - 1]
    offsets.push(above ? (offsets[index - 1] ?? 0) + (above.height + one.height) / 2 + gap : 0)
  })
  const blocks: { sum: number; count: number }[] = []
  column.forEach((_, index) => {
    blocks.push({ sum: (wishes[index] ?? 0) - (offsets[index] ?? 0), count: 1 })
    for (;;) {
      const last = blocks.at(-1)
      const other = blocks.at(-2)
      if (!last || !other || other.sum / other.count <= last.sum / last.count) break
      blocks.pop()
      other.sum += last.sum
      other.count += last.count
    }
  })
  let index = 0
  for (const { sum, count } of blocks) {
    for (let member = 0; member < count; member++, index++) {
      const one = column[index]
      if (one) one.y = sum / count + (offsets[index] ?? 0)
    }
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
