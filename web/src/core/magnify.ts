/** What part of an image is shown, shared by all images of a comparison. */

export interface Magnification {
  /** How much larger than the whole image; 1 shows all of it. */
  zoom: number
  /** The point that stays in its place while the zoom changes, in shares of width and height, 0 to 1. */
  x: number
  y: number
}

export const WHOLE: Magnification = { zoom: 1, x: 0.5, y: 0.5 }
export const MOST_ZOOM = 64

/**
 * Zoom so that what lies under the pointer stays under it, as far as the edges allow.
 *
 * @param px Where the pointer is in the shown box, in shares of its width.
 * @param py The same for its height.
 */
export function zoomAt(from: Magnification, factor: number, px: number, py: number): Magnification {
  const zoom = Math.min(MOST_ZOOM, Math.max(1, from.zoom * factor))
  if (zoom === 1) return WHOLE
  return {
    zoom,
    x: fixedPoint(leftOf(from.x, from.zoom) + px / from.zoom - px / zoom, zoom),
    y: fixedPoint(leftOf(from.y, from.zoom) + py / from.zoom - py / zoom, zoom),
  }
}

/** Move the shown part; `dx` and `dy` are pointer movements in shares of the box. */
export function panBy(from: Magnification, dx: number, dy: number): Magnification {
  if (from.zoom === 1) return from
  return {
    zoom: from.zoom,
    x: fixedPoint(leftOf(from.x, from.zoom) - dx / from.zoom, from.zoom),
    y: fixedPoint(leftOf(from.y, from.zoom) - dy / from.zoom, from.zoom),
  }
}

export function parseMagnification(text: string | undefined): Magnification {
  const [zoom = Number.NaN, x = Number.NaN, y = Number.NaN] = (text ?? '').split(',').map(Number)
  const valid = zoom > 1 && zoom <= MOST_ZOOM && isShare(x) && isShare(y)
  return valid ? { zoom, x, y } : WHOLE
}

/** Empty for the whole image. */
export function encodeMagnification({ zoom, x, y }: Magnification): string {
  return zoom === 1 ? '' : [zoom, x, y].map((value) => String(Number(value.toPrecision(4)))).join(',')
}

/** Left (or upper) edge of the shown part, in shares of the image. */
function leftOf(point: number, zoom: number): number {
  return point * (1 - 1 / zoom)
}

/** The fixed point that shows the part from `left` on; the part never leaves the image. */
function fixedPoint(left: number, zoom: number): number {
  return Math.min(1, Math.max(0, left / (1 - 1 / zoom)))
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1
}
