import { expect, test } from 'vitest'
import type { Series } from '../core/series'
import { hitsAt, type HitMap } from './hit'
import type { ChartLine } from './model'

function entry(id: string, top: number, bottom: number): HitMap[number] {
  const line: ChartLine = {
    id,
    run: id,
    name: id,
    color: 0,
    series: {} as Series,
    y: new Float64Array(0),
  }
  return { line, spans: { top: Float32Array.of(top), bottom: Float32Array.of(bottom) } }
}

const map: HitMap = [
  entry('low', 90, 95),
  entry('high', 10, 12),
  entry('middle', 40, 60),
  entry('none', Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
]
const names = (px: number, py: number): string[] =>
  hitsAt(map, px, py, { ratio: 1 }).map(({ line }) => line.id)

test('the nearest line comes first, one without a value here not at all', () => {
  expect(names(0, 11)).toEqual(['high', 'middle', 'low'])
  expect(names(0, 88)).toEqual(['low', 'middle', 'high'])
})

test('a pointer on a steep line is on it, wherever in its rows', () => {
  expect(hitsAt(map, 0, 58, { ratio: 1 })[0]).toMatchObject({ distance: 0, line: { id: 'middle' } })
})

test('ranks count from the top, whatever is near', () => {
  expect(hitsAt(map, 0, 88, { ratio: 1 }).map(({ rank }) => rank)).toEqual([3, 2, 1])
})

test('of lines that cover the pointer the most central is the nearest', () => {
  const crossing = [entry('wide', 0, 100), entry('thin', 58, 66)]
  expect(hitsAt(crossing, 0, 61, { ratio: 1 })[0]?.line.id).toBe('thin')
})

test('distances are in CSS pixels', () => {
  expect(hitsAt([entry('one', 20, 30)], 0, 5, { ratio: 2 })[0]?.distance).toBe(5)
})
