import { describe, expect, it } from 'vitest'
import { captionOf, firstMetric, matchOf, Notches, type Medium } from './mediaSteps'

const notches = new Notches({
  x: 'epoch',
  notches: [0, 1, 2.5],
  columns: [
    [0, 10, 20],
    [0, 1, 2.5],
    [2.5, 1, { $number: '-0.0' }],
  ],
  runs: [
    {
      run_id: 'up',
      run_name: 'up',
      metrics: [
        { metric: 'samples', kind: 'image', steps: 0, xs: 1 },
        { metric: 'masks', kind: 'image', steps: 0, xs: 1 },
      ],
    },
    { run_id: 'down', run_name: 'down', metrics: [{ metric: 'samples', kind: 'image', steps: 0, xs: 2 }] },
  ],
  missing: ['gone'],
})

describe('Notches', () => {
  it('finds the steps of a run and metric, and nothing where there are none', () => {
    expect(notches.find('up', 'samples')).toEqual({ kind: 'image', steps: [0, 10, 20], xs: [0, 1, 2.5] })
    expect(notches.find('down', 'masks')).toBeNull()
    expect(notches.find('gone', 'samples')).toBeNull()
  })

  it('puts an axis that goes back in order, with the steps that belong to it', () => {
    expect(notches.find('down', 'samples')).toMatchObject({ steps: [20, 10, 0], xs: [-0, 1, 2.5] })
  })

  it('lists what metrics share once', () => {
    expect(notches.listsOf('up')).toEqual([[0, 1, 2.5]])
    expect(notches.listsOf('gone')).toEqual([])
  })
})

describe('matchOf', () => {
  const places = { kind: 'image', steps: [5, 6, 9], xs: [1, 1, 2] }

  it('is exact or the last before', () => {
    expect(matchOf(places, 2)).toEqual({ step: 9, x: 2, isExact: true })
    expect(matchOf(places, 100)).toEqual({ step: 9, x: 2, isExact: false })
    expect(matchOf(places, 0.5)).toBeNull()
  })

  it('takes the last of several steps with one x', () => {
    expect(matchOf(places, 1)).toEqual({ step: 6, x: 1, isExact: true })
  })
})

describe('captionOf', () => {
  const medium = { caption: null } as Medium

  it('is a text, the texts of a list, or nothing', () => {
    expect(captionOf({ ...medium, caption: 'a cat' })).toBe('a cat')
    expect(captionOf({ ...medium, caption: ['a', null, 'b'] })).toBe('a · b')
    expect(captionOf(medium)).toBe('')
  })
})

describe('firstMetric', () => {
  const key = (metric: string, kind: string) => ({ metric, kinds: [kind], runs: 1, points: 1 })

  it('prefers images', () => {
    expect(firstMetric([key('table', 'table'), key('samples', 'image')])).toEqual(['samples'])
    expect(firstMetric([key('table', 'table')])).toEqual(['table'])
    expect(firstMetric([])).toEqual([])
  })
})
