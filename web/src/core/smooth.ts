/** Smoothing of bucket means: a debiased exponential moving average by distance on the x axis. */

import type { Column } from './series'

/**
 * Smooth one line.
 *
 * @param x Ascending positions.
 * @param y Values; NaN breaks the line and starts the average afresh.
 * @param weight 0 (off) to below 1; what is left of a value after 1/200 of `span`.
 * @param span Length of the shown x range, so that the result does not depend on the number of buckets.
 * @returns A new column as long as `y`.
 *
 * Each value is divided by the sum of its weights, so the start is not pulled towards zero.
 */
export function smooth(x: Float64Array, y: Column, weight: number, span: number): Column {
  if (weight <= 0) return y
  const out = new Float64Array(y.length)
  const unit = span > 0 ? span / 200 : 1
  let sum = 0
  let weights = 0
  let previous = 0
  for (let i = 0; i < y.length; i++) {
    const value = y[i] ?? Number.NaN
    if (Number.isNaN(value)) {
      out[i] = Number.NaN
      sum = weights = 0
      continue
    }
    const here = x[i] ?? 0
    const keep = weights === 0 ? 0 : weight ** ((here - previous) / unit)
    sum = sum * keep + value
    weights = weights * keep + 1
    previous = here
    out[i] = sum / weights
  }
  return out
}
