/**
 * Lines and bands as pixels, painted by our own code.
 *
 * A canvas strokes 100 noisy lines of 1,000 points in about a second where no graphics card helps; these loops do it
 * in about ten milliseconds, as a line is no more here than the rows it covers in each pixel column. The same rows tell
 * which line is under the pointer. Everything here counts in device pixels, y downwards.
 */

/** The rows that a line or band covers, by pixel column; `top > bottom` where it covers none. */
export interface Spans {
  top: Float32Array
  bottom: Float32Array
}

/** The x of points in device pixels and the columns that their lines pass; all lines with equal x share one. */
export interface PixelAxis {
  x: Float32Array
  /** 1 where a point must not be joined to the one before it; null when all may be. */
  breaks: Uint8Array | null
  /** Half the width of what a column takes from a line, px. */
  half: number
  /** First and last column of the line that ends in a point. */
  first: Int32Array
  last: Int32Array
}

export interface Bitmap {
  /** One number per pixel: alpha, blue, green, red from the highest byte. */
  pixels: Uint32Array
  width: number
  height: number
}

/** A colour as a bitmap has it, alpha 0. */
export type Rgb = number

/** Spans that cover nothing; `used` is emptied and taken when it has the size. */
export function emptySpans(columns: number, used?: Spans): Spans {
  const { top, bottom } =
    used?.top.length === columns
      ? used
      : { top: new Float32Array(columns), bottom: new Float32Array(columns) }
  top.fill(Number.POSITIVE_INFINITY)
  bottom.fill(Number.NEGATIVE_INFINITY)
  return { top, bottom }
}

/**
 * @param x Ascending.
 * @param thickness Of the lines, px: thick ones reach into the columns beside them.
 */
export function toAxis(
  x: Float32Array,
  breaks: Uint8Array | null,
  thickness: number,
  columns: number,
): PixelAxis {
  const half = Math.max(1, thickness) / 2
  const first = new Int32Array(x.length)
  const last = new Int32Array(x.length)
  for (let i = 1; i < x.length; i++) {
    const from = Math.floor((x[i - 1] as number) - half - 0.5) + 1
    // A column that the line only touches is not passed; one that goes straight up between two has the right one.
    const to = Math.max(from, Math.ceil((x[i] as number) + half - 0.5) - 1)
    first[i] = Math.max(0, from)
    last[i] = Math.min(columns - 1, to)
  }
  return { x, breaks, half, first, last }
}

/**
 * Add a line's rows to `spans`; `y` is NaN where nothing is drawn.
 *
 * A column takes what the line passes within half a thickness of its middle; how thick the line is up and down is
 * added by `fillStrokes`. Points without neighbours become dots of radius `dot`.
 */
export function traceStroke(axis: PixelAxis, y: Float32Array, dot: number, spans: Spans): void {
  const { x, breaks, half, first, last } = axis
  const { top, bottom } = spans
  const length = x.length
  let joined = false
  for (let i = 0; i < length; i++) {
    const y1 = y[i] as number
    if (y1 !== y1) {
      joined = false
      continue
    }
    const x1 = x[i] as number
    if (!joined || (breaks !== null && breaks[i] === 1)) {
      joined = true
      const next = i + 1 < length ? (y[i + 1] as number) : Number.NaN
      if (next !== next || (breaks !== null && breaks[i + 1] === 1)) traceDot(x1, y1, dot, spans)
      continue
    }
    const x0 = x[i - 1] as number
    const y0 = y[i - 1] as number
    const slope = (y1 - y0) / (x1 - x0)
    const end = last[i] as number
    for (let column = first[i] as number; column <= end; column++) {
      const left = column + 0.5 - half
      const right = left + 2 * half
      const a = x0 >= left ? y0 : y0 + (left - x0) * slope
      const b = x1 <= right ? y1 : y0 + (right - x0) * slope
      const high = a < b ? a : b
      const low = a < b ? b : a
      if (high < (top[column] as number)) top[column] = high
      if (low > (bottom[column] as number)) bottom[column] = low
    }
  }
}

function traceDot(x: number, y: number, radius: number, { top, bottom }: Spans): void {
  const end = Math.min(top.length - 1, Math.floor(x + radius - 0.5))
  for (let column = Math.max(0, Math.ceil(x - radius - 0.5)); column <= end; column++) {
    const across = column + 0.5 - x
    const half = Math.sqrt(Math.max(0, radius * radius - across * across))
    if (y - half < (top[column] as number)) top[column] = y - half
    if (y + half > (bottom[column] as number)) bottom[column] = y + half
  }
}

/** Add the rows between two lines to `spans`: `upper` holds the smaller y, NaN where there is no band. */
export function traceBand(
  { x, breaks }: Pick<PixelAxis, 'x' | 'breaks'>,
  upper: Float32Array,
  lower: Float32Array,
  spans: Spans,
): void {
  const { top, bottom } = spans
  const last = top.length - 1
  for (let i = 0; i < x.length; i++) {
    const high1 = upper[i] as number
    const low1 = lower[i] as number
    if (high1 !== high1) continue
    const x1 = x[i] as number
    // The point itself, so that no extreme between two column middles is lost.
    const own = Math.floor(x1)
    if (own >= 0 && own <= last) {
      if (high1 < (top[own] as number)) top[own] = high1
      if (low1 > (bottom[own] as number)) bottom[own] = low1
    }
    if (i === 0 || (breaks !== null && breaks[i] === 1)) continue
    const high0 = upper[i - 1] as number
    if (high0 !== high0) continue
    const x0 = x[i - 1] as number
    const low0 = lower[i - 1] as number
    const end = Math.min(last, Math.floor(x1 - 0.5))
    for (let column = Math.max(0, Math.ceil(x0 - 0.5)); column <= end; column++) {
      const share = x1 === x0 ? 1 : (column + 0.5 - x0) / (x1 - x0)
      const high = high0 + (high1 - high0) * share
      const low = low0 + (low1 - low0) * share
      if (high < (top[column] as number)) top[column] = high
      if (low > (bottom[column] as number)) bottom[column] = low
    }
  }
}

export interface Stroke {
  spans: Spans
  color: Rgb
  thickness: number
  /** 0 to 1. */
  alpha: number
}

/** Columns painted before the next line's turn: their rows stay in the processor's cache. */
const TILE = 16

/** Paint lines, the later ones over the earlier. */
export function fillStrokes(bitmap: Bitmap, strokes: readonly Stroke[]): void {
  for (let from = 0; from < bitmap.width; from += TILE) {
    const to = Math.min(bitmap.width, from + TILE)
    for (const stroke of strokes) fillStroke(bitmap, stroke, from, to)
  }
}

function fillStroke(
  bitmap: Bitmap,
  { spans, color, thickness, alpha }: Stroke,
  from: number,
  to: number,
): void {
  const { top, bottom } = spans
  const window = Math.max(1, thickness)
  for (let column = from; column < to; column++) {
    const high = top[column] as number
    const low = bottom[column] as number
    if (!(low >= high)) continue
    // A line of slope m covers `thickness · √(1 + m²)` rows of a column: what it does not pass through is added.
    const length = low - high
    const slope = length / window
    const more = Math.max(0, thickness * Math.sqrt(1 + slope * slope) - length) / 2
    fillColumn(bitmap, column, high - more, low + more, color, alpha)
  }
}

/** Paint the rows of a band where it is higher than `least`: lower ones lie under their line. */
export function fillBand(
  bitmap: Bitmap,
  { top, bottom }: Spans,
  color: Rgb,
  alpha: number,
  least: number,
): void {
  for (let column = 0; column < bitmap.width; column++) {
    const high = top[column] as number
    const low = bottom[column] as number
    if (low - high > least) fillColumn(bitmap, column, high, low, color, alpha)
  }
}

function fillColumn(
  { pixels, width, height }: Bitmap,
  column: number,
  high: number,
  low: number,
  color: Rgb,
  alpha: number,
): void {
  const start = high > 0 ? high : 0
  const end = low < height ? low : height
  if (!(end > start)) return
  const first = Math.floor(start)
  const last = Math.ceil(end) - 1
  let at = first * width + column
  if (first === last) {
    blend(pixels, at, color, (end - start) * alpha)
    return
  }
  blend(pixels, at, color, (first + 1 - start) * alpha)
  at += width
  const stop = last * width + column
  if (alpha === 1) {
    const full = color | 0xff000000
    for (; at < stop; at += width) pixels[at] = full
  } else {
    const alone = color | (((alpha * 255 + 0.5) | 0) << 24)
    for (; at < stop; at += width) {
      if (pixels[at] === 0) pixels[at] = alone
      else blend(pixels, at, color, alpha)
    }
  }
  blend(pixels, stop, color, (end - last) * alpha)
}

/** Source over destination; neither is multiplied with its alpha. */
function blend(pixels: Uint32Array, at: number, color: Rgb, alpha: number): void {
  const below = pixels[at] as number
  const belowAlpha = below >>> 24
  if (belowAlpha === 255) {
    // Shares of 128, so that red and blue are mixed at once within 31 bits.
    const share = (alpha * 128 + 0.5) | 0
    const rest = 128 - share
    const redBlue = (Math.imul(color & 0xff00ff, share) + Math.imul(below & 0xff00ff, rest) + 0x400040) >>> 7
    const green = (Math.imul(color & 0xff00, share) + Math.imul(below & 0xff00, rest) + 0x4000) >>> 7
    pixels[at] = (redBlue & 0xff00ff) | (green & 0xff00) | 0xff000000
    return
  }
  const a = (alpha * 255 + 0.5) | 0
  if (a === 0) return
  if (a === 255 || belowAlpha === 0) {
    pixels[at] = color | (a << 24)
    return
  }
  // Shares of 255 of what comes out.
  const out = a + (((belowAlpha * (255 - a) + 127) / 255) | 0)
  const share = ((a * 255) / out + 0.5) | 0
  const rest = 255 - share
  const red = (color & 255) * share + (below & 255) * rest + 128
  const green = ((color >>> 8) & 255) * share + ((below >>> 8) & 255) * rest + 128
  const blue = ((color >>> 16) & 255) * share + ((below >>> 16) & 255) * rest + 128
  // (n + n / 256) / 256 is n / 255, rounded, for n below 65,536.
  pixels[at] =
    ((red + (red >>> 8)) >>> 8) |
    (((green + (green >>> 8)) >>> 8) << 8) |
    (((blue + (blue >>> 8)) >>> 8) << 16) |
    (out << 24)
}
