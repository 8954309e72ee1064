/**
 * Logged values: JSON that may hold numbers JSON cannot carry.
 *
 * The server sends those as `{"$number": "NaN"}`. Objects become maps, because a logged key may be
 * `__proto__` or `constructor`.
 */

export type Logged = null | boolean | number | bigint | string | readonly Logged[] | LoggedMap
export type LoggedMap = ReadonlyMap<string, Logged>

const NAMED: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0.0', -0],
])

export function decodeLogged(json: unknown): Logged {
  if (json === null || json === undefined) return null
  if (typeof json === 'number' || typeof json === 'string' || typeof json === 'boolean') return json
  if (Array.isArray(json)) return json.map(decodeLogged)
  if (typeof json !== 'object') return null
  const entries = Object.entries(json)
  const [only] = entries
  if (entries.length === 1 && only?.[0] === '$number' && typeof only[1] === 'string') {
    return decodeNumber(only[1])
  }
  return new Map(entries.map(([key, value]) => [key, decodeLogged(value)]))
}

/** A top-level object of logged values; anything else reads as empty. */
export function decodeLoggedMap(json: unknown): LoggedMap {
  const value = decodeLogged(json)
  return isMap(value) ? value : new Map()
}

/** The value as a plot can use it: a finite or non-finite number, or null when it is not a number. */
export function asNumber(value: Logged | undefined): number | null {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  return null
}

export function isMap(value: Logged | undefined): value is LoggedMap {
  return value instanceof Map
}

export function isList(value: Logged | undefined): value is readonly Logged[] {
  return Array.isArray(value)
}

/** JSON text of a logged value; non-finite numbers keep the bare tokens that Python reads and writes. */
export function encodeLogged(value: Logged, indent = 0, depth = 0): string {
  const pad = indent > 0 ? `\n${' '.repeat(indent * (depth + 1))}` : ''
  const end = indent > 0 ? `\n${' '.repeat(indent * depth)}` : ''
  if (isMap(value)) {
    if (value.size === 0) return '{}'
    const parts = [...value].map(
      ([key, item]) =>
        `${pad}${JSON.stringify(key)}:${indent > 0 ? ' ' : ''}${encodeLogged(item, indent, depth + 1)}`,
    )
    return `{${parts.join(',')}${end}}`
  }
  if (isList(value)) {
    if (value.length === 0) return '[]'
    return `[${value.map((item) => pad + encodeLogged(item, indent, depth + 1)).join(',')}${end}]`
  }
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return Object.is(value, -0) ? '-0.0' : String(value)
  return JSON.stringify(value)
}

function decodeNumber(text: string): number | bigint | string {
  const named = NAMED.get(text)
  if (named !== undefined) return named
  return /^-?\d+$/.test(text) ? BigInt(text) : text
}
