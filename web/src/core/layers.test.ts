import { describe, expect, it } from 'vitest'
import { layOut, type LayerEdge, type Layout } from './layers'

const SPACING = { nodeWidth: 100, columnGap: 50, rowGap: 10 }

function laidOut(edges: readonly (readonly [string, string])[], alone: readonly string[] = []): Layout {
  const ids = [...new Set([...edges.flat(), ...alone])]
  const nodes = ids.map((id) => ({ id, height: 20 }))
  return layOut(
    nodes,
    edges.map(([source, target]): LayerEdge => ({ source, target })),
    SPACING,
  )
}

function columnOf(layout: Layout, id: string): number {
  return layout.nodes.get(id)?.column ?? -1
}

describe('layOut', () => {
  it('gives every node a column right of all that lead to it', () => {
    const edges = [
      ['raw', 'prep'],
      ['prep', 'train'],
      ['raw', 'audit'],
      ['train', 'fit'],
      ['raw', 'fit'],
    ] as const
    const layout = laidOut(edges)
    for (const [source, target] of edges)
      expect(columnOf(layout, source)).toBeLessThan(columnOf(layout, target))
  })

  it('puts a beginning beside what it leads to', () => {
    const layout = laidOut([
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'd'],
      ['late', 'd'],
    ])
    expect(columnOf(layout, 'late')).toBe(columnOf(layout, 'd') - 1)
  })

  it('keeps a chain straight and centres a fan', () => {
    const layout = laidOut([
      ['a', 'b'],
      ['b', 'c'],
      ...Array.from({ length: 5 }, (_, index) => ['c', `leaf ${index}`] as const),
    ])
    const [a, b, c] = ['a', 'b', 'c'].map((id) => layout.nodes.get(id)?.y)
    expect(a).toBeCloseTo(b ?? -1)
    expect(b).toBeCloseTo(c ?? -1)
    expect(c).toBeCloseTo(layout.nodes.get('leaf 2')?.y ?? -1)
  })

  it('lets no nodes of a column overlap', () => {
    const edges = Array.from({ length: 60 }, (_, index) => [`a${index % 7}`, `b${(index * 5) % 23}`] as const)
    const layout = laidOut(edges)
    const columns = new Map<number, number[]>()
    for (const { column, y } of layout.nodes.values())
      columns.set(column, [...(columns.get(column) ?? []), y])
    for (const ys of columns.values()) {
      ys.sort((one, other) => one - other)
      for (let i = 1; i < ys.length; i++)
        expect((ys[i] ?? 0) - (ys[i - 1] ?? 0)).toBeGreaterThanOrEqual(30 - 1e-6)
    }
  })

  it('uncrosses what need not cross', () => {
    const layout = laidOut([
      ['a', 'y'],
      ['b', 'x'],
    ])
    const above = (one: string, other: string): boolean =>
      (layout.nodes.get(one)?.y ?? 0) < (layout.nodes.get(other)?.y ?? 0)
    expect(above('a', 'b')).toBe(above('y', 'x'))
  })

  it('leads edges over several columns through places of their own', () => {
    const layout = laidOut([
      ['a', 'b'],
      ['b', 'c'],
      ['a', 'c'],
    ])
    const long = layout.edges.find(({ source, target }) => source === 'a' && target === 'c')
    expect(long?.points).toHaveLength(4)
    expect(long?.points[1]?.y).not.toBeCloseTo((layout.nodes.get('b')?.y ?? 0) + 10)
  })

  it('ends with circles, loops, doubles and strangers', () => {
    const layout = layOut(
      ['a', 'b', 'alone'].map((id) => ({ id, height: 20 })),
      [
        { source: 'a', target: 'b' },
        { source: 'b', target: 'a' },
        { source: 'a', target: 'a' },
        { source: 'a', target: 'b' },
        { source: 'a', target: 'stranger' },
      ],
      SPACING,
    )
    expect(layout.nodes.size).toBe(3)
    expect(layout.edges.map(({ source, target }) => source + target).sort()).toEqual(['ab', 'ba'])
  })

  it('gives the same picture for the same graph, and nothing for none', () => {
    const edges = Array.from({ length: 40 }, (_, index) => [`n${index % 9}`, `m${(index * 7) % 13}`] as const)
    expect(laidOut(edges)).toEqual(laidOut(edges))
    expect(layOut([], [], SPACING)).toMatchObject({ width: 0, height: 0 })
  })

  it('lays out a chain of thousands', () => {
    const chain = Array.from({ length: 3000 }, (_, index) => [`${index}`, `${index + 1}`] as const)
    expect(laidOut(chain).nodes.size).toBe(3001)
  })
})
