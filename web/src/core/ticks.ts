/** Round tick positions: 1, 2, 2.5 and 5 × 10ⁿ, decades on log axes. Never the raw minimum of the data. */

const STEPS = [1, 2, 2.5, 5, 10]

/** The round step that cuts `span` into at most `most` pieces. */
export function tickStep(span: number, most: number): number {
  if (!(span > 0) || !Number.isFinite(span)) return 1
  const raw = span / Math.max(1, most)
  const power = 10 ** Math.floor(Math.log10(raw))
  // Below a thousandth, quarters would need labels longer than an axis has room for.
  const step =
    STEPS.find(
      (candidate) => candidate * power >= raw * (1 - 1e-9) && (candidate !== 2.5 || power >= 1e-3),
    ) ?? 10
  return step * power
}

/** Ticks inside [min, max], ascending. */
export function linearTicks(min: number, max: number, most = 6): number[] {
  const step = tickStep(max - min, most)
  const first = Math.ceil(min / step - 1e-9)
  const last = Math.floor(max / step + 1e-9)
  const ticks: number[] = []
  for (let i = first; i <= last && ticks.length < 1000; i++) ticks.push(cleaned(i * step))
  return ticks
}

/** Ticks for whole numbers such as steps: the step is at least 1. */
export function integerTicks(min: number, max: number, most = 6): number[] {
  const step = Math.max(1, tickStep(max - min, most))
  const whole = step === 2.5 ? 5 : step
  const ticks: number[] = []
  for (let i = Math.ceil(min / whole - 1e-9); i * whole <= max * (1 + 1e-12) && ticks.length < 1000; i++) {
    // `+ 0` turns −0 into 0.
    ticks.push(i * whole + 0)
  }
  return ticks
}

/** Ticks for durations in seconds: whole seconds, minutes, hours, days. */
export function durationTicks(min: number, max: number, most = 6): number[] {
  const rounds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400]
  const raw = (max - min) / most
  if (raw < 1) return linearTicks(min, max, most)
  const step = rounds.find((round) => round >= raw) ?? tickStep(max - min, most * 86400) * 86400
  const ticks: number[] = []
  for (let i = Math.ceil(min / step); i * step <= max && ticks.length < 1000; i++) ticks.push(i * step)
  return ticks
}

/** Decades inside [min, max]; where fewer than two fit, 1-2-5 ticks. */
export function logTicks(min: number, max: number, most = 6): number[] {
  if (!(min > 0) || !(max > min)) return []
  const first = Math.ceil(Math.log10(min) - 1e-9)
  const last = Math.floor(Math.log10(max) + 1e-9)
  const count = last - first + 1
  if (count >= 2) {
    const every = Math.ceil(count / most)
    const ticks: number[] = []
    for (let power = first; power <= last; power += every) ticks.push(cleaned(10 ** power))
    return ticks
  }
  const fine: number[] = []
  for (let power = first - 1; power <= last; power++) {
    for (const digit of [1, 2, 5]) {
      const tick = cleaned(digit * 10 ** power)
      if (tick >= min * (1 - 1e-9) && tick <= max * (1 + 1e-9)) fine.push(tick)
    }
  }
  return fine.length >= 2 ? fine : linearTicks(min, max, most)
}

/** [min, max] widened to round numbers, so that an axis grows by whole steps while data arrive. */
export function niceRange(min: number, max: number, most = 10): [number, number] {
  if (min === max) {
    const half = min === 0 ? 1 : Math.abs(min) * 0.1
    return niceRange(min - half, max + half, most)
  }
  const step = tickStep(max - min, most)
  return [cleaned(Math.floor(min / step + 1e-9) * step), cleaned(Math.ceil(max / step - 1e-9) * step)]
}

function cleaned(value: number): number {
  return Number(value.toPrecision(12)) + 0
}
