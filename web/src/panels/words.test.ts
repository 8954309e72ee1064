import { expect, test } from 'vitest'
import { addNonFinite, nonFiniteWords, pointWords, shortNonFiniteWords } from './words'

test('a panel says how many points it shows, and how', () => {
  expect(pointWords(812, null)).toEqual(['812 points, all shown'])
  expect(pointWords(1, null)).toEqual(['1 point, all shown'])
  expect(pointWords(1_000_000, 1500).join(' · ')).toBe('1,000,000 points · 1,500 buckets · min–max exact')
})

test('values that are no numbers are counted by kind', () => {
  const counts = addNonFinite([
    { nan: 100_000, posInf: 0, negInf: 0 },
    { nan: 5, posInf: 2, negInf: 1 },
  ])
  expect(nonFiniteWords(counts)).toBe('100,005 NaN, 2 +Inf, 1 −Inf')
  expect(shortNonFiniteWords(counts)).toBe('100k NaN, 2 +Inf, 1 −Inf')
  expect(nonFiniteWords({ nan: 0, posInf: 0, negInf: 0 })).toBe('')
})
