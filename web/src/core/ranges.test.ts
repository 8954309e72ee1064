import { describe, expect, test } from 'vitest'
import { grownRange, keptRange, outlierBounds, yRange } from './ranges'
import type { Series } from './series'

function series(values: readonly number[], max?: readonly number[], min?: readonly number[]): Series {
  const mean = Float64Array.from(values)
  return {
    run: 'r',
    metric: 'm',
    points: values.length,
    exact: max === undefined && min === undefined,
    x: Float64Array.from(values.keys()),
    mean,
    min: min ? Float64Array.from(min) : mean,
    max: max ? Float64Array.from(max) : mean,
    nan: [],
    posInf: [],
    negInf: [],
    last: null,
    count: null,
    edges: new Float64Array(2),
    damaged: [],
  }
}

const decay = Array.from({ length: 400 }, (_, i) => 0.2 + 2 * Math.exp(-i / 80))
const AUTO = { log: false, full: null }

describe('yRange', () => {
  test('an ordinary loss curve is shown in full', () => {
    const range = yRange([series(decay)], AUTO)
    expect(range).toMatchObject({ robust: false, above: 0, below: 0 })
    expect(range?.max).toBeGreaterThanOrEqual(2.2)
  })

  test('one spike does not flatten the rest, and is counted', () => {
    const max = decay.map((value, i) => (i === 160 ? 61.7 : value))
    const range = yRange([series(decay, max)], AUTO)
    expect(range).toMatchObject({ robust: true, above: 1, below: 0 })
    expect(range?.max).toBeLessThan(4)
  })

  test('a downward spike is the mirror image', () => {
    const min = decay.map((value, i) => (i === 160 ? -61.7 : value))
    expect(yRange([series(decay, undefined, min)], AUTO)).toMatchObject({ robust: true, above: 0, below: 1 })
  })

  test('the user may ask for everything', () => {
    const max = decay.map((value, i) => (i === 160 ? 61.7 : value))
    const range = yRange([series(decay, max)], { log: false, full: true })
    expect(range?.robust).toBe(false)
    expect(range?.max).toBeGreaterThanOrEqual(61.7)
  })

  test('a log axis starts at positive values and counts the others', () => {
    const range = yRange([series([0, 0.01, 10, 100])], { log: true, full: null })
    expect(range).toMatchObject({ min: 0.01, max: 100, notPositive: 1 })
  })

  test('nothing finite has no range', () => {
    expect(yRange([series([Number.NaN])], AUTO)).toBeNull()
  })

  test('a constant gets room around it', () => {
    const range = yRange([series([5, 5, 5])], AUTO)
    expect(range?.min).toBeLessThan(5)
    expect(range?.max).toBeGreaterThan(5)
  })

  test('many values do not overflow the stack', () => {
    expect(yRange([series(Array.from({ length: 300_000 }, (_, i) => i))], AUTO)?.min).toBe(0)
  })
})

test('values within five spreads are no outliers', () => {
  expect(outlierBounds([0, 1, 2, 3, 4], 0, 20)).toBeNull()
  expect(outlierBounds([0, 1, 2, 3, 4], 0, 30)).not.toBeNull()
})

test('the x range stays while data fit and grows by 5 percent when they do not', () => {
  expect(grownRange(null, [0, 100])).toEqual([0, 100])
  expect(grownRange([0, 105], [0, 104])).toEqual([0, 105])
  expect(grownRange([0, 100], [0, 101])).toEqual([0, 106.05])
})

describe('keptRange', () => {
  const shown = { min: 0, max: 2, above: 0, below: 0, robust: false, notPositive: 0 }

  test('while data arrive the y range grows and never shrinks', () => {
    expect(keptRange(shown, { ...shown, max: 1 }, [], {})).toMatchObject({ min: 0, max: 2 })
    expect(keptRange(shown, { ...shown, min: -1, max: 3 }, [], {})).toMatchObject({ min: -1, max: 3 })
    expect(keptRange(shown, null, [], {})).toBe(shown)
  })

  test('a range that clips outliers from now on is taken as it is', () => {
    const robust = { ...shown, max: 1, above: 1, robust: true }
    expect(keptRange(shown, robust, [], {})).toBe(robust)
  })

  test('what a kept range clips is counted with that range', () => {
    const kept = keptRange(
      { ...shown, robust: true },
      { ...shown, max: 1, above: 2, robust: true },
      [series([0.5, 0.5, 0.5], [0.6, 1.5, 60])],
      {},
    )
    expect(kept).toMatchObject({ max: 2, above: 1 })
  })
})
