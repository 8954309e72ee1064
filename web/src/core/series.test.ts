import { expect, test } from 'vitest'
import { decodeSeries, isGap, nearestIndex } from './series'

const answer = {
  x: 'step',
  range: [0, 10] as [number, number],
  width: 3,
  xs: [[0, 5, 10]],
  series: [
    {
      run: 'a',
      metric: 'loss',
      points: 11,
      exact: false,
      x: 0,
      mean: [1, null, 3],
      min: [0, null, 2],
      max: [2, null, 4],
      count: [4, 0, 5],
      nan: [[5, 6, 2] as [number, number, number]],
      pos_inf: [],
      neg_inf: [],
      last: { $number: 'NaN' },
    },
  ],
}

test('columns become typed arrays, buckets without finite values NaN', () => {
  const [series] = decodeSeries(answer).series
  expect([...(series?.mean ?? [])]).toEqual([1, Number.NaN, 3])
  expect([...(series?.max ?? [])]).toEqual([2, Number.NaN, 4])
  expect(series?.last).toBeNaN()
})

test('the nearest position is found', () => {
  const column = Float64Array.of(0, 5, 10)
  expect([-3, 2, 3, 7.4, 99].map((x) => nearestIndex(column, x))).toEqual([0, 0, 1, 1, 2])
  expect(nearestIndex(new Float64Array(0), 1)).toBe(-1)
})

test('missing buckets are gaps, rare logging is not', () => {
  const [base] = decodeSeries(answer).series
  if (!base) throw new Error('no series')
  const at = (...xs: number[]) => ({ ...base, x: Float64Array.from(xs) })
  expect(isGap(at(0, 5, 10, 900, 905), 3)).toBe(true)
  expect(isGap(at(0, 100, 200, 205, 210), 1)).toBe(false)
})
