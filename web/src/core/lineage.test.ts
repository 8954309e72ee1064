import { describe, expect, it } from 'vitest'
import { draw, merged, neighborCount, withoutKind, type Graph, type LineageNode } from './lineage'

function graphOf(edges: readonly (readonly [string, string])[], rests: Graph['rests'] = []): Graph {
  const ids = [...new Set(edges.flat())]
  const nodes = ids.map((id): LineageNode => ({
    id,
    kind: id.startsWith('run') ? 'run' : 'artifact',
    run: null,
    artifact: null,
  }))
  return {
    nodes: new Map(nodes.map((node) => [node.id, node])),
    edges: edges.map(([source, target]) => ({ source, target })),
    rests,
  }
}

const rest = (node: string, count: number) => ({
  node,
  direction: 'down' as const,
  kind: 'run' as const,
  count,
})

describe('a growing graph', () => {
  it('holds everything once, and the later word on what is left out', () => {
    const graph = merged(
      graphOf([['data', 'run 1']], [rest('data', 5)]),
      graphOf(
        [
          ['data', 'run 1'],
          ['data', 'run 2'],
        ],
        [rest('data', 4), rest('stranger', 3)],
      ),
    )
    expect([...graph.nodes.keys()]).toEqual(['data', 'run 1', 'run 2'])
    expect(graph.edges).toHaveLength(2)
    expect(graph.rests).toEqual([rest('data', 4)])
    expect(neighborCount(graph, 'data', 'down')).toBe(2)
    expect(neighborCount(graph, 'data', 'up')).toBe(0)
  })

  it('forgets what is left out once all is there', () => {
    const graph = merged(
      graphOf([['data', 'run 1']], [rest('data', 1)]),
      graphOf([['data', 'run 2']], [rest('data', 0)]),
    )
    expect(graph.rests).toEqual([])
  })
})

describe('withoutKind', () => {
  it('joins what met over a run', () => {
    const graph = graphOf([
      ['data', 'run'],
      ['other', 'run'],
      ['run', 'model'],
    ])
    expect(withoutKind(graph, 'run').edges).toEqual([
      { source: 'data', target: 'model' },
      { source: 'other', target: 'model' },
    ])
    expect(withoutKind(graph, 'artifact').edges).toEqual([])
  })
})

describe('draw', () => {
  it('shows what is left out on its side of the node', () => {
    const up = { node: 'run', direction: 'up' as const, kind: 'artifact' as const, count: 2 }
    const { layout, rests } = draw(graphOf([['run', 'model']], [up, rest('model', 7)]))
    const column = (id: string): number => layout.nodes.get(id)?.column ?? -1
    const [before, after] = [...rests.keys()]
    expect(column(before ?? '')).toBeLessThan(column('run'))
    expect(column(after ?? '')).toBeGreaterThan(column('model'))
  })
})
