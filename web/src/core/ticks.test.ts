import { expect, test } from 'vitest'
import { durationTicks, integerTicks, linearTicks, logTicks, niceRange } from './ticks'

test('ticks are round numbers inside the range', () => {
  expect(linearTicks(0.13, 2.4, 5)).toEqual([0.5, 1, 1.5, 2])
  expect(linearTicks(-1, 1, 5)).toEqual([-1, -0.5, 0, 0.5, 1])
})

test('steps have whole ticks', () => {
  expect(integerTicks(0, 3, 6)).toEqual([0, 1, 2, 3])
  expect(integerTicks(0, 1999, 5)).toEqual([0, 500, 1000, 1500])
})

test('log axes mark decades', () => {
  expect(logTicks(0.001, 10, 6)).toEqual([0.001, 0.01, 0.1, 1, 10])
  expect(logTicks(2, 9, 6).length).toBeGreaterThan(1)
})

test('durations tick in minutes and hours', () => {
  expect(durationTicks(0, 1200, 4)).toEqual([0, 300, 600, 900, 1200])
})

test('a range contains its data and ends on round numbers', () => {
  expect(niceRange(0.13, 2.41)).toEqual([0, 2.5])
  const [min, max] = niceRange(7, 7)
  expect(min).toBeLessThan(7)
  expect(max).toBeGreaterThan(7)
})
