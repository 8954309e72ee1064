import { expect, test } from 'vitest'
import { csvCell, parseCsv, toCsv } from './csv'

test('a cell cannot become a formula', () => {
  expect(csvCell('=1+1')).toBe("'=1+1")
  expect(csvCell('-1.5')).toBe('-1.5')
})

test('what is written reads back', () => {
  const rows = [
    ['a', 'b "quoted"', 'c,d'],
    ['line\nbreak', '', '1'],
  ]
  expect(parseCsv(toCsv(rows))).toEqual(rows)
})
