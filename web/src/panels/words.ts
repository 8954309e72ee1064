/** What a panel shows, in words: points, buckets, values that are no numbers. */

import { axisNumber, formatNumber, plural } from '../core/format'

/** `812 points, all shown`, or `1,000,000 points · 1,500 buckets · min–max exact`. */
export function pointWords(points: number, buckets: number | null): string[] {
  if (buckets === null) return [`${plural(points, 'point')}, all shown`]
  return [plural(points, 'point'), plural(buckets, 'bucket'), 'min–max exact']
}

export interface NonFinite {
  nan: number
  posInf: number
  negInf: number
}

/** `500 NaN, 2 +Inf`; empty when all values are finite. */
export function nonFiniteWords({ nan, posInf, negInf }: NonFinite, number = formatNumber): string {
  return [
    ...(nan > 0 ? [`${number(nan)} NaN`] : []),
    ...(posInf > 0 ? [`${number(posInf)} +Inf`] : []),
    ...(negInf > 0 ? [`${number(negInf)} −Inf`] : []),
  ].join(', ')
}

/** The same where there is little room: counts from 10,000 on are rounded. */
export function shortNonFiniteWords(counts: NonFinite): string {
  return nonFiniteWords(counts, (count) =>
    Number(count) < 10_000 ? formatNumber(count) : axisNumber(Number(count)),
  )
}

export function addNonFinite(all: readonly NonFinite[]): NonFinite {
  return all.reduce(
    (sum, { nan, posInf, negInf }) => ({
      nan: sum.nan + nan,
      posInf: sum.posInf + posInf,
      negInf: sum.negInf + negInf,
    }),
    { nan: 0, posInf: 0, negInf: 0 },
  )
}
