/** Logged media and other typed objects in a few words; their parts are no values people compare. */

import { asNumber, isList, isMap, type Logged, type LoggedMap } from './exact'
import { formatBytes, formatNumber, plural } from './format'

/** Whether an object is a logged thing such as an image or a histogram, and not a group of values. */
export function isTyped(value: Logged | undefined): value is LoggedMap {
  return isMap(value) && typeof value.get('_type') === 'string'
}

export function describeTyped(value: LoggedMap): string {
  const type = value.get('_type')
  const name = typeof type === 'string' ? type.replace(/-file$/, '') : 'object'
  const bins = value.get('values') ?? value.get('bins')
  if (name === 'histogram') return isList(bins) ? `histogram, ${plural(bins.length, 'bin')}` : 'histogram'
  const count = asNumber(value.get('count') ?? null)
  if (name.includes('/') && count !== null)
    return plural(count, name.slice(0, name.indexOf('/')).replace(/s$/, ''))
  const facts = [sizeOf(value, 'nrows', 'ncols') ?? sizeOf(value, 'width', 'height'), bytesOf(value)]
  return [name, ...facts.filter((fact) => fact !== null)].join(', ')
}

/** The run file that holds the object, if it names one. */
export function pathOfTyped(value: LoggedMap): string | null {
  const path = value.get('path')
  if (typeof path === 'string') return path
  const names = value.get('filenames')
  const first = isList(names) ? names[0] : undefined
  return typeof first === 'string' ? first : null
}

function sizeOf(value: LoggedMap, first: string, second: string): string | null {
  const a = asNumber(value.get(first) ?? null)
  const b = asNumber(value.get(second) ?? null)
  return a === null || b === null ? null : `${formatNumber(a)} × ${formatNumber(b)}`
}

function bytesOf(value: LoggedMap): string | null {
  const size = asNumber(value.get('size') ?? null)
  return size === null ? null : formatBytes(size)
}
