import { describe, expect, it } from 'vitest'
import { encodeComparison, encodeSlot, parseComparison, parseSlot } from './comparison'
import { parseSearch, stringifySearch } from './view'

describe('the address of a comparison', () => {
  it('is empty for the page as it opens', () => {
    expect(encodeComparison(parseComparison({}))).toEqual({})
  })

  it('gives back everything, whatever the names hold', () => {
    const view = {
      ...parseComparison({}),
      runs: ['a,b', 'c%2C', '漢'],
      keys: ['main/samples', 'x,y&z=1'],
      step: 0,
      x: 'epoch',
      exact: true,
      a: { run: 'a,b', key: 'x,y&z=1', index: 3, step: null },
      b: { run: '漢', key: 'main/samples', index: 0, step: 0 },
      mode: 'blend' as const,
      fill: true,
      mix: 0.25,
      size: 200,
      layout: 'columns' as const,
      magnification: { zoom: 4, x: 0.1, y: 0.9 },
    }

    expect(parseComparison(parseSearch(stringifySearch(encodeComparison(view))))).toEqual(view)
  })

  it('tells an empty choice from none', () => {
    expect(parseComparison({ runs: '' }).runs).toEqual([])
    expect(parseComparison({}).runs).toBeNull()
    expect(encodeComparison(parseComparison({ runs: '' }))).toEqual({ runs: '' })
  })

  it('takes nonsense for the default', () => {
    const view = parseComparison({ step: 'x', mode: 'wipe?', mix: '7', size: '-3', a: 'only', zoom: '1' })

    expect(view).toMatchObject({ step: null, mode: 'side', mix: 1, size: 64, a: null })
  })
})

describe('slots', () => {
  it('follow the slider unless they name a step, 0 included', () => {
    expect(parseSlot('run,key,2')).toEqual({ run: 'run', key: 'key', index: 2, step: null })
    expect(parseSlot(encodeSlot({ run: 'r', key: 'k', index: 0, step: 0 }))?.step).toBe(0)
    expect(parseSlot('run,key,-1')).toBeNull()
    expect(parseSlot(undefined)).toBeNull()
  })
})
