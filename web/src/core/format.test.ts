import { describe, expect, test } from 'vitest'
import {
  axisDuration,
  axisNumber,
  axisNumbers,
  formatAgo,
  formatBytes,
  formatDuration,
  formatNumber,
} from './format'

describe('formatNumber', () => {
  test.each([
    [0.14326, '0.1433'],
    [0.8270031, '0.8270'],
    [0.5, '0.5'],
    [0.0001, '0.0001'],
    [1.388e-10, '1.388e-10'],
    [1.23456e-10, '1.235e-10'],
    [1e-8, '1e-8'],
    [4210000.5, '4.210e+6'],
    [-2.5, '−2.5'],
    [12345.678, '12,345.7'],
  ])('%f reads %s', (value, text) => {
    expect(formatNumber(value)).toBe(text)
  })

  test('groups whole numbers and never rounds them', () => {
    expect(formatNumber(2000000)).toBe('2,000,000')
    expect(formatNumber(18446744073709551615n)).toBe('18,446,744,073,709,551,615')
    expect(formatNumber(-12345)).toBe('−12,345')
  })

  test('names what is not finite', () => {
    expect([Number.NaN, Infinity, -Infinity, -0].map(formatNumber)).toEqual(['NaN', '+Inf', '−Inf', '−0'])
  })
})

describe('axis labels', () => {
  test.each([
    [0, '0'],
    [1500, '1.5k'],
    [2_000_000, '2M'],
    [0.25, '0.25'],
    [1e-5, '1e-5'],
    [-40, '−40'],
  ])('%f reads %s', (value, text) => {
    expect(axisNumber(value)).toBe(text)
  })

  test('an axis with a long label writes all of them with an exponent', () => {
    expect(axisNumbers([0, 0.00025, 0.0005])).toEqual(['0', '2.5e-4', '5e-4'])
    expect(axisNumbers([0, 0.001, 0.002])).toEqual(['0', '0.001', '0.002'])
  })

  test('durations keep whole units', () => {
    expect([30, 90, 3600, 5400, 259200].map(axisDuration)).toEqual(['30s', '1m30', '1h', '1h30', '3d'])
  })
})

test('durations count up to a day in clock form, then in days and hours', () => {
  expect(formatDuration(1084)).toBe('00:18:04')
  expect(formatDuration(3 * 86400 + 4 * 3600)).toBe('3 d 04 h')
  expect(formatDuration(null)).toBe('–')
})

test('bytes use decimal units', () => {
  expect([0, 999, 1500, 41_200_000_000].map(formatBytes)).toEqual(['0 B', '999 B', '1.50 kB', '41.2 GB'])
})

test('times read as people say them', () => {
  const now = Date.parse('2026-01-02T00:00:00Z')
  const ago = (seconds: number): string => formatAgo(new Date(now - seconds * 1000).toISOString(), now)
  expect([1, 120, 7200, 3 * 86400].map(ago)).toEqual(['just now', '2 min ago', '2 h ago', '3 d ago'])
})
