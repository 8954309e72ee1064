/** Numbers, times and sizes as people read them. `exact` gives what copying gives. */

import { encodeLogged, isList, isMap, type Logged } from './exact'

export const MISSING = '–'

/** Four significant digits, without zeros that were not logged; whole numbers grouped and never rounded. */
export function formatNumber(value: number | bigint): string {
  if (typeof value === 'bigint') return grouped(value.toString())
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '−Inf'
  if (Object.is(value, -0)) return '−0'
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 2 ** 53)
    return size < 1e15 ? grouped(String(value)) : minus(String(value))
  if (size < 1e-4 || size >= 1e6) {
    const short = String(value)
    return minus(short.length <= 8 && short.includes('e') ? short : value.toExponential(3))
  }
  const rounded = value.toPrecision(4)
  if (Number(rounded) === value) return minus(String(value))
  // From 10,000 on four digits would round the whole part away.
  return minus(rounded.includes('e') ? grouped(value.toFixed(1)) : rounded)
}

/** Every digit, as it was logged. */
export function exactNumber(value: number | bigint): string {
  if (typeof value === 'bigint') return value.toString()
  if (Object.is(value, -0)) return '-0.0'
  return String(value)
}

/** One line for any logged value. */
export function formatLogged(value: Logged | undefined): string {
  if (value === undefined) return MISSING
  if (value === null) return 'null'
  if (typeof value === 'number' || typeof value === 'bigint') return formatNumber(value)
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  return encodeLogged(value, 0)
}

/** The text that copying a logged value gives. */
export function exactLogged(value: Logged): string {
  if (typeof value === 'number' || typeof value === 'bigint') return exactNumber(value)
  if (typeof value === 'string') return value
  return isMap(value) || isList(value) ? encodeLogged(value, 2) : String(value)
}

/** At most six characters for an axis: `1k`, `1.5k`, `2M`, `0.25`, `1e-5`. */
export function axisNumber(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  const sign = value < 0 ? '−' : ''
  if (size >= 1e15 || size < 1e-4) return sign + size.toExponential(1).replace('.0e', 'e').replace('e+', 'e')
  for (const [unit, letter] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (size >= unit) return sign + String(Number((size / unit).toPrecision(4))) + letter
  }
  return sign + String(Number(size.toPrecision(4)))
}

/** Labels of one axis: when any would be too long, all are written with an exponent. */
export function axisNumbers(values: readonly number[]): string[] {
  const labels = values.map(axisNumber)
  if (labels.every((label) => label.length <= 6)) return labels
  return values.map((value, index) =>
    value === 0 ? '0' : Math.abs(value) < 1 ? minus(value.toExponential()) : (labels[index] ?? ''),
  )
}

/** Seconds on an axis: `30s`, `1m30`, `2h`, `3d`. */
export function axisDuration(seconds: number): string {
  const whole = Math.abs(Math.round(seconds * 1000) / 1000)
  const sign = seconds < 0 ? '−' : ''
  if (whole < 60) return `${sign}${Number(whole.toPrecision(3))}s`
  if (whole < 3600) return `${sign}${Math.floor(whole / 60)}m${padded(whole % 60)}`
  if (whole < 86400) return `${sign}${Math.floor(whole / 3600)}h${padded(Math.floor((whole % 3600) / 60))}`
  return `${sign}${Number((whole / 86400).toPrecision(3))}d`
}

/** `00:18:04`, or `3 d 04 h` from a day on. */
export function formatDuration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return MISSING
  const whole = Math.max(0, Math.floor(seconds))
  if (whole >= 86400) return `${Math.floor(whole / 86400)} d ${two(Math.floor((whole % 86400) / 3600))} h`
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`
}

/** Decimal units. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes / 1000
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? 'PB'}`
}

/** `just now`, `2 min ago`, `3 h ago`, `5 d ago`, then the date. */
export function formatAgo(iso: string | null, now: number): string {
  if (iso === null) return MISSING
  const then = Date.parse(iso)
  if (Number.isNaN(then)) return iso
  const seconds = Math.max(0, (now - then) / 1000)
  if (seconds < 45) return 'just now'
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min ago`
  if (seconds < 84600) return `${Math.round(seconds / 3600)} h ago`
  if (seconds < 30 * 86400) return `${Math.round(seconds / 86400)} d ago`
  return new Date(then).toISOString().slice(0, 10)
}

/** Local time with the zone-free ISO look. */
export function formatTime(seconds: number): string {
  const date = new Date(seconds * 1000)
  if (Number.isNaN(date.getTime())) return MISSING
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`
}

function grouped(digits: string): string {
  return minus(digits.replace(/\B(?=(\d{3})+(?!\d))/g, ','))
}

function minus(text: string): string {
  return text.startsWith('-') ? `−${text.slice(1)}` : text
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

function padded(value: number): string {
  return value === 0 ? '' : two(Math.round(value))
}
