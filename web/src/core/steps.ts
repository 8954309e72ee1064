/** Positions on the step slider: where runs have media, and which of them are nearest. */

/** How many of the ascending values are at most `value`. */
export function countUpTo(values: readonly number[], value: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] ?? 0) <= value) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the value closest to `value`, the earlier of two that are equally close; -1 for none. */
export function nearestIndex(values: readonly number[], value: number): number {
  const after = countUpTo(values, value)
  const before = values[after - 1]
  const next = values[after]
  if (before === undefined) return next === undefined ? -1 : 0
  return next === undefined || value - before <= next - value ? after - 1 : after
}

/** The value `by` places from the one closest to `value`, within the list. */
export function stepBy(values: readonly number[], value: number, by: number): number {
  const target = nearestIndex(values, value) + by
  return values[Math.max(0, Math.min(values.length - 1, target))] ?? value
}

export interface Notch {
  /** Left edge, px. */
  at: number
  /** Share of the lists that have a step here, 0 to 1. */
  share: number
}

/**
 * The pixel columns of a track in which steps lie, at most one notch a column.
 *
 * @param lists Ascending steps of each run.
 * @param range First and last step of the track.
 * @param width Whole pixels.
 */
export function notchesOf(
  lists: readonly (readonly number[])[],
  [first, last]: readonly [number, number],
  width: number,
): Notch[] {
  if (width < 1 || lists.length === 0) return []
  const runs = new Uint16Array(width)
  const seenBy = new Int32Array(width).fill(-1)
  const scale = last > first ? (width - 1) / (last - first) : 0
  lists.forEach((list, run) => {
    for (const step of list) {
      const column = Math.round((step - first) * scale)
      if (column < 0 || column >= width || seenBy[column] === run) continue
      seenBy[column] = run
      runs[column] = (runs[column] ?? 0) + 1
    }
  })
  const notches: Notch[] = []
  runs.forEach((count, at) => {
    if (count > 0) notches.push({ at, share: count / lists.length })
  })
  return notches
}
