/** A graph of runs and artifact versions that grows as somebody opens it, and its picture. */

import type { RunLink, VersionLink } from './artifacts'
import { layOut, type Layout } from './layers'

export interface LineageNode {
  id: string
  kind: 'run' | 'artifact'
  run: RunLink | null
  artifact: VersionLink | null
}

export interface LineageEdge {
  source: string
  target: string
}

export type Direction = 'up' | 'down'

/** Neighbours of a node that are left out. */
export interface LineageRest {
  node: string
  direction: Direction
  kind: 'run' | 'artifact'
  count: number
}

export interface LineageAnswer {
  center: string
  nodes: LineageNode[]
  edges: LineageEdge[]
  rests: LineageRest[]
  cut: boolean
}

export interface LineagePage {
  nodes: LineageNode[]
  edges: LineageEdge[]
  next: string | null
  total: number
}

export interface Graph {
  nodes: ReadonlyMap<string, LineageNode>
  edges: readonly LineageEdge[]
  rests: readonly LineageRest[]
}

export function toGraph(answer: LineageAnswer): Graph {
  return {
    nodes: new Map(answer.nodes.map((node) => [node.id, node])),
    edges: answer.edges,
    rests: answer.rests,
  }
}

/** The graph with more around it. What both say is there once; the later word on what is left out counts. */
export function merged(graph: Graph, more: Graph): Graph {
  const edges = new Map([...graph.edges, ...more.edges].map((edge) => [edgeKey(edge), edge]))
  const told = new Set(more.rests.map(restKey))
  const whole = { nodes: new Map([...graph.nodes, ...more.nodes]), edges: [...edges.values()] }
  const rests = [...graph.rests.filter((rest) => !told.has(restKey(rest))), ...more.rests]
  return { ...whole, rests: rests.filter(({ node, count }) => count > 0 && whole.nodes.has(node)) }
}

/** How many neighbours of a node on one side are there. */
export function neighborCount(graph: Graph, node: string, direction: Direction): number {
  return graph.edges.filter((edge) => (direction === 'up' ? edge.target : edge.source) === node).length
}

/** The graph without runs, or without artifacts: what met over a left out node is joined. */
export function withoutKind(graph: Graph, kind: 'run' | 'artifact'): Graph {
  const gone = new Set([...graph.nodes.values()].filter((node) => node.kind === kind).map(({ id }) => id))
  const nodes = new Map([...graph.nodes].filter(([id]) => !gone.has(id)))
  const edges = new Map<string, LineageEdge>()
  for (const middle of gone) {
    const before = graph.edges.filter(({ target }) => target === middle)
    const after = graph.edges.filter(({ source }) => source === middle)
    for (const { source } of before) {
      for (const { target } of after) {
        if (source !== target) edges.set(edgeKey({ source, target }), { source, target })
      }
    }
  }
  return { nodes, edges: [...edges.values()], rests: graph.rests.filter(({ node }) => nodes.has(node)) }
}

export function nodeName(node: LineageNode): string {
  if (node.run) return node.run.name
  return node.artifact ? `${node.artifact.collection}:${node.artifact.version ?? 'draft'}` : node.id
}

/** What the API calls a node, beside its project. */
export function nodeAddress(node: LineageNode): string {
  if (node.run) return `run:${node.run.id}`
  return node.artifact ? `artifact:${node.artifact.collection}:${node.artifact.version ?? ''}` : node.id
}

export interface Picture {
  layout: Layout
  /** Left out neighbours by the id of their node in the layout. */
  rests: ReadonlyMap<string, LineageRest>
}

export const SIZES = { node: { width: 184, run: 28, artifact: 44, rest: 24 }, columnGap: 56, rowGap: 12 }

export function draw(graph: Graph): Picture {
  const rests = new Map(graph.rests.map((rest) => [`rest ${restKey(rest)}`, rest]))
  const layout = layOut(
    [
      ...[...graph.nodes.values()].map(({ id, kind }) => ({ id, height: SIZES.node[kind] })),
      ...[...rests.keys()].map((id) => ({ id, height: SIZES.node.rest })),
    ],
    [
      ...graph.edges,
      ...[...rests].map(([id, { node, direction }]) =>
        direction === 'up' ? { source: id, target: node } : { source: node, target: id },
      ),
    ],
    { nodeWidth: SIZES.node.width, columnGap: SIZES.columnGap, rowGap: SIZES.rowGap },
  )
  return { layout, rests }
}

function edgeKey({ source, target }: LineageEdge): string {
  return JSON.stringify([source, target])
}

function restKey({ node, direction }: LineageRest): string {
  return JSON.stringify([node, direction])
}
