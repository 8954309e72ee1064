import { describe, expect, it } from 'vitest'
import { countUpTo, nearestIndex, notchesOf, stepBy } from './steps'

describe('countUpTo', () => {
  it('counts the value itself, and takes step 0 for a step', () => {
    expect(countUpTo([0, 10, 20], 10)).toBe(2)
    expect(countUpTo([0, 10, 20], 9)).toBe(1)
    expect(countUpTo([10], 5)).toBe(0)
    expect(countUpTo([], 5)).toBe(0)
  })
})

describe('nearestIndex', () => {
  it('snaps to the closer side, and to the earlier one in the middle', () => {
    expect(nearestIndex([0, 10, 20], 14)).toBe(1)
    expect(nearestIndex([0, 10, 20], 16)).toBe(2)
    expect(nearestIndex([0, 10, 20], 15)).toBe(1)
    expect(nearestIndex([5], -100)).toBe(0)
    expect(nearestIndex([], 1)).toBe(-1)
  })
})

describe('stepBy', () => {
  it('stops at both ends', () => {
    expect(stepBy([0, 10, 20], 10, 1)).toBe(20)
    expect(stepBy([0, 10, 20], 10, -5)).toBe(0)
    expect(stepBy([0, 10, 20], 10, 10)).toBe(20)
    expect(stepBy([], 3, 1)).toBe(3)
  })
})

describe('notchesOf', () => {
  it('gives one notch a pixel column with the share of runs that have it', () => {
    const notches = notchesOf([[0, 1, 100], [0]], [0, 100], 11)

    expect(notches).toEqual([
      { at: 0, share: 1 },
      { at: 10, share: 0.5 },
    ])
  })

  it('is bounded by the width, not by the number of steps', () => {
    const many = Array.from({ length: 5000 }, (_, index) => index)

    expect(notchesOf([many], [0, 4999], 300)).toHaveLength(300)
  })

  it('puts a single step at the left', () => {
    expect(notchesOf([[7]], [7, 7], 100)).toEqual([{ at: 0, share: 1 }])
  })
})
