import { describe, expect, test } from 'vitest'
import {
  emptySpans,
  fillBand,
  fillStrokes,
  toAxis,
  traceBand,
  traceStroke,
  type Bitmap,
  type Spans,
} from './raster'

const RED = 0x0000ff

function trace(points: readonly (readonly [number, number])[], columns: number, thickness = 1): Spans {
  const spans = emptySpans(columns)
  const axis = toAxis(
    Float32Array.from(points, ([x]) => x),
    null,
    thickness,
    columns,
  )
  traceStroke(
    axis,
    Float32Array.from(points, ([, y]) => y),
    2,
    spans,
  )
  return spans
}

function bitmap(width: number, height: number): Bitmap {
  return { pixels: new Uint32Array(width * height), width, height }
}

/** Alpha of each pixel, row by row. */
function alphas({ pixels, width, height }: Bitmap): number[][] {
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, column) => (pixels[row * width + column] ?? 0) >>> 24),
  )
}

describe('traceStroke', () => {
  test('a column covers what the line passes inside it', () => {
    const { top, bottom } = trace(
      [
        [0, 0],
        [4, 8],
      ],
      4,
    )
    expect([...top]).toEqual([0, 2, 4, 6])
    expect([...bottom]).toEqual([2, 4, 6, 8])
  })

  test('an extreme inside a column is covered in full', () => {
    const { top, bottom } = trace(
      [
        [0, 10],
        [1.5, 0],
        [3, 10],
      ],
      3,
    )
    expect(top[1]).toBe(0)
    expect(bottom[1]).toBeCloseTo(10 / 3, 5)
  })

  test('nothing is drawn over NaN', () => {
    const { top, bottom } = trace(
      [
        [0, 1],
        [2, 1],
        [4, Number.NaN],
        [6, 1],
        [8, 1],
      ],
      8,
    )
    expect([...top].map((value, i) => value <= (bottom[i] ?? 0))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      true,
      true,
    ])
  })

  test('a point without neighbours is a dot', () => {
    const { top, bottom } = trace([[4, 5]], 8)
    expect([...bottom].map((value, i) => Math.max(0, value - (top[i] ?? 0)) > 0)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
      false,
      false,
    ])
  })

  test('points must not be joined over a break', () => {
    const spans = emptySpans(8)
    const axis = toAxis(Float32Array.of(0, 1, 6, 7), Uint8Array.of(0, 0, 1, 0), 1, 8)
    traceStroke(axis, Float32Array.of(1, 1, 1, 1), 2, spans)
    expect([...spans.top].map(Number.isFinite)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
      true,
      false,
    ])
  })

  test('lines outside the plot cover nothing inside', () => {
    const { top } = trace(
      [
        [-20, 1],
        [-10, 1],
      ],
      4,
    )
    expect([...top].every((value) => value === Number.POSITIVE_INFINITY)).toBe(true)
  })
})

describe('fillStrokes', () => {
  test('a level line covers its thickness, shared between two rows where it lies between them', () => {
    const image = bitmap(2, 4)
    const level = trace(
      [
        [0, 2],
        [2, 2],
      ],
      2,
    )
    fillStrokes(image, [{ spans: level, color: RED, thickness: 1, alpha: 1 }])
    expect(alphas(image)).toEqual([
      [0, 0],
      [128, 128],
      [128, 128],
      [0, 0],
    ])
  })

  test('a slope of one covers √2 rows of a column', () => {
    const image = bitmap(8, 16)
    const slope = trace(
      [
        [0, 4],
        [8, 12],
      ],
      8,
    )
    fillStrokes(image, [{ spans: slope, color: RED, thickness: 1, alpha: 1 }])
    const covered = alphas(image).reduce((sum, row) => sum + (row[4] ?? 0) / 255, 0)
    expect(covered).toBeCloseTo(Math.SQRT2, 1)
  })

  test('the later line lies on top', () => {
    const image = bitmap(1, 3)
    const steep = (): Spans => ({ top: Float32Array.of(0), bottom: Float32Array.of(3) })
    fillStrokes(image, [
      { spans: steep(), color: RED, thickness: 1, alpha: 1 },
      { spans: steep(), color: 0x00ff00, thickness: 1, alpha: 1 },
    ])
    expect([...image.pixels]).toEqual([0xff00ff00, 0xff00ff00, 0xff00ff00])
  })

  test('half a colour over another mixes them', () => {
    const image = bitmap(1, 1)
    image.pixels[0] = 0xff0000ff
    fillBand(image, { top: Float32Array.of(0), bottom: Float32Array.of(1) }, 0xff0000, 0.5, 0)
    expect([...image.pixels].map((pixel) => pixel.toString(16))).toEqual(['ff800080'])
  })
})

describe('bands', () => {
  test('every extreme is inside, also between the middles of two columns', () => {
    const spans = emptySpans(3)
    const x = Float32Array.of(0.9, 1.1, 2.9)
    traceBand({ x, breaks: null }, Float32Array.of(5, 1, 5), Float32Array.of(6, 6, 9), spans)
    expect(spans.top[1]).toBe(1)
    expect(spans.bottom[2]).toBe(9)
  })

  test('one no higher than asked for is left to its line', () => {
    const image = bitmap(2, 4)
    fillBand(image, { top: Float32Array.of(1, 1), bottom: Float32Array.of(2, 3) }, RED, 1, 1)
    expect(alphas(image)).toEqual([
      [0, 0],
      [0, 255],
      [0, 255],
      [0, 0],
    ])
  })
})
