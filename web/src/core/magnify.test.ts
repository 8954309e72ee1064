import { describe, expect, it } from 'vitest'
import { encodeMagnification, panBy, parseMagnification, WHOLE, zoomAt, type Magnification } from './magnify'

/** The image's point at a place of the box, both in shares. */
const under = ({ zoom, x }: Magnification, px: number): number => x * (1 - 1 / zoom) + px / zoom

describe('zoomAt', () => {
  it('keeps what is under the pointer', () => {
    const once = zoomAt(WHOLE, 2, 0.25, 0.5)
    const twice = zoomAt(once, 2, 0.8, 0.5)

    expect(under(once, 0.25)).toBeCloseTo(0.25)
    expect(under(twice, 0.8)).toBeCloseTo(under(once, 0.8))
  })

  it('never shows anything beyond the image', () => {
    const corner = zoomAt(WHOLE, 8, 0, 0)
    const out = zoomAt(corner, 0.5, 1, 1)

    expect(under(out, 0)).toBeGreaterThanOrEqual(0)
    expect(under(out, 1)).toBeLessThanOrEqual(1)
    expect(zoomAt(corner, 0.01, 0.3, 0.3)).toEqual(WHOLE)
  })

  it('has an end', () => {
    expect(zoomAt(WHOLE, 1e9, 0.5, 0.5).zoom).toBe(64)
  })
})

describe('panBy', () => {
  it('moves with the pointer and stops at the edges', () => {
    const start = zoomAt(WHOLE, 4, 0.5, 0.5)
    const moved = panBy(start, 0.1, 0)

    expect(under(moved, 0.6)).toBeCloseTo(under(start, 0.5))
    expect(panBy(start, 100, 0).x).toBe(0)
    expect(panBy(WHOLE, 0.5, 0.5)).toBe(WHOLE)
  })
})

describe('the address', () => {
  it('gives back what it was made of, and the whole image for nonsense', () => {
    const shown = { zoom: 2.5, x: 0.25, y: 1 }

    expect(parseMagnification(encodeMagnification(shown))).toEqual(shown)
    expect(encodeMagnification(WHOLE)).toBe('')
    for (const text of [undefined, '', '2', 'a,b,c', '0.5,0,0', '2,-1,0', '1e9,0,0'])
      expect(parseMagnification(text)).toEqual(WHOLE)
  })
})
