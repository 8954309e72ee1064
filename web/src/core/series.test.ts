import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeSeries, decodeSeriesBytes, gapsOf, isGap, nearestIndex, valueOf, type Column } from './series'
import type { SeriesAnswer } from './types'

/** Files that the server's tests compare with what it sends. */
function fixture(name: string): ArrayBuffer {
  const bytes = readFileSync(new URL(`../../tests/fixtures/${name}`, import.meta.url))
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
}

function jsonFixture(name: string): SeriesAnswer<(number | null)[]> {
  return JSON.parse(new TextDecoder().decode(fixture(name))) as SeriesAnswer<(number | null)[]>
}

const listed = (column: Column): number[] => Array.from(column, (_, i) => valueOf(column, i))

const answer = {
  x: 'step',
  range: [0, 10] as [number, number],
  width: 3,
  truncated: false,
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

test('an answer in bytes says the same as the one in JSON', () => {
  const fromBytes = decodeSeriesBytes(fixture('series.bin'))
  const fromJson = decodeSeries(jsonFixture('series.json'))
  expect(fromBytes.range).toEqual(fromJson.range)
  expect(fromBytes.width).toBe(3)
  expect(fromBytes.series).toHaveLength(3)
  fromBytes.series.forEach((series, index) => {
    const other = fromJson.series[index]
    if (!other) throw new Error('no series')
    expect([...series.x]).toEqual([...other.x])
    for (const name of ['mean', 'min', 'max'] as const)
      expect(listed(series[name])).toEqual(listed(other[name]))
    expect([...(series.count ?? [])]).toEqual([...(other.count ?? [])])
    expect({ ...series, x: 0, mean: 0, min: 0, max: 0, count: 0 }).toEqual({
      ...other,
      x: 0,
      mean: 0,
      min: 0,
      max: 0,
      count: 0,
    })
  })
})

test('bytes are taken where they lie: single precision for buckets, double for points', () => {
  const [single, double, points] = decodeSeriesBytes(fixture('series.bin')).series
  expect(single?.mean).toBeInstanceOf(Float32Array)
  expect(double?.mean).toBeInstanceOf(Float64Array)
  expect(points?.mean).toEqual(Float64Array.of(0.1, 16_777_217, Number.NaN))
  expect(points?.count).toBeNull()
})

test('single precision is read with the digits it has', () => {
  const column = Float32Array.of(0.1, 2.7, -0.3, 1 / 3, 16_777_216, Number.NaN)
  expect(listed(column)).toEqual([0.1, 2.7, -0.3, 0.33333334, 16_777_216, Number.NaN])
})

test('what is no series answer is said to be none', () => {
  expect(() => decodeSeriesBytes(new ArrayBuffer(3))).toThrow(RangeError)
  expect(() => decodeSeriesBytes(new TextEncoder().encode('{"xs": []}').buffer)).toThrow(RangeError)
  expect(() => decodeSeriesBytes(fixture('series.bin').slice(0, -16))).toThrow(RangeError)
})

test('damaged ranges come with their series', () => {
  const [series] = decodeSeries(jsonFixture('series-damaged.json')).series
  expect(series?.damaged).toEqual([
    {
      object: 'history/7/a1/segment-0004.parquet',
      first_step: 4000,
      last_step: 4999,
      problem: 'segment checksum',
    },
  ])
})

test('gaps are found once per x column, and only between buckets', () => {
  const [base] = decodeSeries(answer).series
  if (!base) throw new Error('no series')
  const x = Float64Array.of(0, 5, 10, 900, 905)
  const gaps = gapsOf({ ...base, x })
  expect([...(gaps ?? [])]).toEqual([0, 0, 0, 1, 0])
  expect(gapsOf({ ...base, x, points: 7 })).toBe(gaps)
  expect(gapsOf({ ...base, x, exact: true })).toBeNull()
})
