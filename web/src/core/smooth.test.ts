import { expect, test } from 'vitest'
import { smooth } from './smooth'

const xs = (n: number): Float64Array => Float64Array.from({ length: n }, (_, i) => i)

test('weight 0 changes nothing', () => {
  const y = Float64Array.of(1, 5, 2)
  expect(smooth(xs(3), y, 0, 2)).toBe(y)
})

test('a constant stays a constant from its first point on', () => {
  const out = smooth(xs(50), new Float64Array(50).fill(3), 0.9, 49)
  for (const value of out) expect(value).toBeCloseTo(3, 12)
})

test('NaN breaks the line and the average starts afresh', () => {
  const out = smooth(xs(4), Float64Array.of(10, Number.NaN, 1, 1), 0.99, 3)
  expect(out[1]).toBeNaN()
  expect(out[2]).toBe(1)
})

test('the result hardly depends on the number of buckets', () => {
  const line = (n: number): number => {
    const x = Float64Array.from({ length: n }, (_, i) => (1000 * i) / (n - 1))
    return (
      smooth(
        x,
        x.map((value) => value),
        0.9,
        1000,
      ).at(-1) ?? 0
    )
  }
  expect(Math.abs(line(200) - line(800))).toBeLessThan(5)
})
