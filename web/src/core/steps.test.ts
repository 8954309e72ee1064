import { describe, expect, it } from 'vitest'
import { countUpTo, lastUpTo, nearestIndex, notchesOf, stepBy, unionOf } from './steps'

describe('unionOf', () => {
  it('holds every step once, in numeric order', () => {
    expect(unionOf([[0, 2, 10], [2, 9], []])).toEqual([0, 2, 9, 10])
  })

  it('keeps fractions and negative values, as other axes have them', () => {
    expect(unionOf([[-1.5, 0.25], [0.5]])).toEqual([-1.5, 0.25, 0.5])
  })
})

describe('lastUpTo', () => {
  it('is the step itself where it was logged, else the one before', () => {
    expect(lastUpTo([0, 10, 20], 10)).toBe(10)
    expect(lastUpTo([0, 10, 20], 19)).toBe(10)
  })

  it('takes step 0 for a step and nothing for none', () => {
    expect(lastUpTo([0, 10], 5)).toBe(0)
    expect(lastUpTo([10], 5)).toBeNull()
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
