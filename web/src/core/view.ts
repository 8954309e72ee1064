/** The part of a page's state that lives in its address: short keys, readable values, defaults left out. */

export type XKind = 'step' | 'relative' | 'time' | `metric:${string}`
export type Range = readonly [number, number]

export interface WorkspaceView {
  /** Run filter: words, or `key=value`. */
  q: string
  sort: string
  /** The column shown beside a run's name, such as `summary.loss`. */
  cols: string
  x: XKind
  /** Zoomed x ranges by kind of axis: metrics may have axes of their own. */
  xr: ReadonlyMap<string, Range>
  /** Zoomed y ranges by metric. */
  yr: ReadonlyMap<string, Range>
  log: boolean
  /** Smoothing weight, 0 to 0.99. */
  sm: number
  /** Metric shown full screen. */
  panel: string | null
  /** Panel search. */
  find: string
  /** Panels per row; null lets the width decide. */
  columns: number | null
  /** Selected run ids. */
  sel: readonly string[]
  /** Metrics whose outliers are shown (or `*` for all). */
  full: ReadonlySet<string>
}

export type Search = Readonly<Record<string, string>>

export const DEFAULT_SORT = '-created_at'

export function parseView(search: Search): WorkspaceView {
  const x = parseX(search['x'])
  const xr = new Map<string, Range>()
  const yr = new Map<string, Range>()
  for (const [key, value] of Object.entries(search)) {
    const range = parseRange(value)
    if (range && key === 'xr') xr.set(x, range)
    else if (range && key.startsWith('xr.')) xr.set(key.slice(3), range)
    else if (range && key.startsWith('yr.')) yr.set(key.slice(3), range)
  }
  return {
    q: search['q'] ?? '',
    sort: search['sort'] ?? DEFAULT_SORT,
    cols: search['cols'] ?? '',
    x,
    xr,
    yr,
    log: search['y'] === 'log',
    sm: parseSmoothing(search['sm']),
    panel: search['panel'] ?? null,
    find: search['find'] ?? '',
    columns: parseColumns(search['grid']),
    sel: listOf(search['sel']),
    full: new Set(listOf(search['full'])),
  }
}

export function encodeView(view: WorkspaceView): Search {
  const search: Record<string, string> = Object.create(null) as Record<string, string>
  const put = (key: string, value: string, standard = ''): void => {
    if (value !== standard) search[key] = value
  }
  put('q', view.q)
  put('sort', view.sort, DEFAULT_SORT)
  put('cols', view.cols)
  put('x', view.x === 'relative' ? 'rel' : view.x, 'step')
  for (const [kind, range] of view.xr) put(kind === view.x ? 'xr' : `xr.${kind}`, encodeRange(range))
  for (const [panel, range] of view.yr) put(`yr.${panel}`, encodeRange(range))
  put('y', view.log ? 'log' : '')
  put('sm', view.sm > 0 ? String(view.sm) : '')
  if (view.panel !== null) put('panel', view.panel, '\0')
  put('find', view.find)
  put('grid', view.columns === null ? '' : String(view.columns))
  put('sel', encodeList(view.sel))
  put('full', encodeList([...view.full]))
  return { ...search }
}

export function parseRange(text: string | undefined): Range | null {
  const match = /^(-?[\d.]+(?:e[+-]?\d+)?)\.\.(-?[\d.]+(?:e[+-]?\d+)?)$/i.exec(text ?? '')
  const low = Number(match?.[1])
  const high = Number(match?.[2])
  return Number.isFinite(low) && Number.isFinite(high) && low < high ? [low, high] : null
}

export function encodeRange([low, high]: Range): string {
  const digits = (value: number): string => String(Number(value.toPrecision(9)))
  return `${digits(low)}..${digits(high)}`
}

/** Comma separated, with `%2C` for a comma inside. */
export function listOf(text: string | undefined): string[] {
  if (text === undefined || text === '') return []
  return text.split(',').map((item) => item.replaceAll('%2C', ',').replaceAll('%25', '%'))
}

export function encodeList(items: readonly string[]): string {
  return items.map((item) => item.replaceAll('%', '%25').replaceAll(',', '%2C')).join(',')
}

/** `?a=b&c=d` → record. Repeated keys: the last counts. */
export function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text))
}

/** Like `URLSearchParams`, but leaves the characters readable that need no escape in a query. */
export function stringifySearch(search: Search): string {
  const parts = Object.entries(search).map(([key, value]) => `${readable(key)}=${readable(value)}`)
  return parts.length > 0 ? `?${parts.join('&')}` : ''
}

function readable(text: string): string {
  return encodeURIComponent(text).replace(/%(2F|2C|3A|40|3D)/g, (match) =>
    match === '%3D' ? match : decodeURIComponent(match),
  )
}

function parseX(text: string | undefined): XKind {
  if (text === 'rel' || text === 'relative') return 'relative'
  if (text === 'time') return 'time'
  return text?.startsWith('metric:') === true ? (text as XKind) : 'step'
}

function parseSmoothing(text: string | undefined): number {
  const value = Number(text ?? 0)
  return Number.isFinite(value) ? Math.min(0.99, Math.max(0, value)) : 0
}

function parseColumns(text: string | undefined): number | null {
  const value = Number(text ?? Number.NaN)
  return Number.isInteger(value) && value >= 1 && value <= 6 ? value : null
}
