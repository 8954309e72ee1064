import { describe, expect, it } from 'vitest'
import { differenceOf } from './difference'

const image = (...pixels: [number, number, number, number][]) => Uint8ClampedArray.from(pixels.flat())

describe('differenceOf', () => {
  it('is black and zero for equal images', () => {
    const same = image([1, 2, 3, 255], [200, 100, 0, 128])

    const found = differenceOf(same, same)

    expect([...found.pixels]).toEqual([0, 0, 0, 255, 0, 0, 0, 255])
    expect(found).toMatchObject({ changed: 0, mean: 0, most: 0 })
  })

  it('has the distance of each colour, whichever image is brighter', () => {
    const found = differenceOf(
      image([10, 200, 0, 255], [5, 5, 5, 255]),
      image([40, 100, 0, 255], [5, 5, 5, 255]),
    )

    expect([...found.pixels.slice(0, 4)]).toEqual([30, 100, 0, 255])
    expect(found).toMatchObject({ changed: 0.5, most: 100 })
    expect(found.mean).toBeCloseTo(130 / 6)
  })

  it('sees transparent pixels as black, whatever colour they carry', () => {
    expect(differenceOf(image([255, 255, 255, 0]), image([0, 0, 0, 255])).changed).toBe(0)
  })

  it('has nothing to say about empty images', () => {
    expect(differenceOf(image(), image())).toMatchObject({ changed: 0, mean: 0, most: 0 })
  })
})
