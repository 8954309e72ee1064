import { expect, test } from 'vitest'
import { boxOf } from './gestures'

const SIZE = { width: 300, height: 100 }

test('a drag along one axis zooms that axis only', () => {
  expect(boxOf({ x: 10, y: 50 }, { x: 110, y: 58 }, SIZE)).toEqual({ x: [10, 110], y: null })
  expect(boxOf({ x: 10, y: 20 }, { x: 15, y: 80 }, SIZE)).toEqual({ x: null, y: [20, 80] })
})

test('a diagonal drag zooms both, in any direction, within the plot', () => {
  expect(boxOf({ x: 200, y: 80 }, { x: -50, y: 10 }, SIZE)).toEqual({ x: [0, 200], y: [10, 80] })
})

test('a click is no zoom', () => {
  expect(boxOf({ x: 10, y: 10 }, { x: 14, y: 12 }, SIZE)).toBeNull()
})
