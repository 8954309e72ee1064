/** How two images differ, pixel by pixel. */

export interface Difference {
  /** RGBA of the same size: how far each channel is apart, opaque. */
  pixels: Uint8ClampedArray<ArrayBuffer>
  /** Share of the pixels that are not equal, 0 to 1. */
  changed: number
  /** Mean distance over all pixels and their three colours, 0 to 255. */
  mean: number
  /** Largest distance of one colour, 0 to 255. */
  most: number
}

/**
 * Distances between two images of one size.
 *
 * Transparent pixels count as what they are drawn on: black.
 *
 * @param a RGBA, row by row.
 * @param b RGBA of the same length.
 */
export function differenceOf(a: Uint8ClampedArray, b: Uint8ClampedArray): Difference {
  const pixels = new Uint8ClampedArray(a.length)
  let changed = 0
  let sum = 0
  let most = 0
  for (let at = 0; at < a.length; at += 4) {
    const alphaA = (a[at + 3] ?? 0) / 255
    const alphaB = (b[at + 3] ?? 0) / 255
    let apart = 0
    for (let colour = at; colour < at + 3; colour++) {
      const distance = Math.abs((a[colour] ?? 0) * alphaA - (b[colour] ?? 0) * alphaB)
      pixels[colour] = distance
      apart = Math.max(apart, distance)
      sum += distance
    }
    pixels[at + 3] = 255
    if (apart > 0) changed++
    most = Math.max(most, apart)
  }
  const count = a.length / 4
  return { pixels, changed: count > 0 ? changed / count : 0, mean: count > 0 ? sum / (count * 3) : 0, most }
}
