/** Metrics grouped by prefix into the sections of a workspace, and how high their panels are. */

import { compareNames } from './diff'

export interface Section {
  /** Prefix before the first `/`; empty for metrics without one. */
  name: string
  metrics: string[]
}

export function toSections(metrics: readonly string[]): Section[] {
  const byPrefix = new Map<string, string[]>()
  for (const metric of [...metrics].sort(compareNames)) {
    const name = sectionOf(metric)
    const members = byPrefix.get(name)
    if (members) members.push(metric)
    else byPrefix.set(name, [metric])
  }
  return [...byPrefix]
    .map(([name, members]) => ({ name, metrics: members }))
    .sort((a, b) => rank(a.name) - rank(b.name) || compareNames(a.name, b.name))
}

const SYSTEM = 'system.'

export function sectionOf(metric: string): string {
  const slash = metric.indexOf('/')
  if (slash > 0) return metric.slice(0, slash)
  // Machine metrics are named with dots.
  return metric.startsWith(SYSTEM) ? 'system' : ''
}

/** The metric's name without the prefix its section already shows. */
export function titleInSection(metric: string, section: string): string {
  const inside = metric.startsWith(`${section}/`) || (section === 'system' && metric.startsWith(SYSTEM))
  return section !== '' && inside ? metric.slice(section.length + 1) : metric
}

/** Text or `/pattern/` search over names; a broken pattern matches nothing and says so. */
export function nameMatcher(find: string): { test: (name: string) => boolean; error: string | null } {
  const text = find.trim()
  if (text === '') return { test: () => true, error: null }
  try {
    const pattern = new RegExp(text, 'i')
    return { test: (name) => pattern.test(name), error: null }
  } catch {
    const lower = text.toLowerCase()
    return { test: (name) => name.toLowerCase().includes(lower), error: 'Not a pattern: searched as text' }
  }
}

/** The same search as the server's: a pattern when it is one and means more than its letters, else text. */
export function toNameSearch(find: string): { search?: string; regex?: string } {
  const text = find.trim()
  if (text === '') return {}
  if (!/[\\^$.*+?()[\]{}|]/.test(text)) return { search: text }
  return nameMatcher(text).error === null ? { regex: `(?i)${text}` } : { search: text }
}

export interface GridRoom {
  /** Height for sections, px. */
  height: number
  columns: number
  sectionHeader: number
  gap: number
}

const PANEL_HEIGHT = 248
const PANEL_MIN = 160
const WANTED_PANELS = 9

export interface GridFit {
  columns: number
  /** Panel height, px. */
  height: number
}

/**
 * Columns and panel height at which nine whole panels fit the first screen: at most 248 and at least 160 px high.
 *
 * Many short sections leave rows half empty. Lower panels make up for it, and where that is not enough one more
 * column does, if panels stay wide enough for it.
 */
export function fitPanels(sectionSizes: readonly number[], room: GridRoom, maxColumns: number): GridFit {
  const usual = freeHeight(sectionSizes, room)
  if (usual < PANEL_MIN && room.columns < maxColumns) {
    const denser = freeHeight(sectionSizes, { ...room, columns: room.columns + 1 })
    if (denser > usual) return { columns: room.columns + 1, height: clampHeight(denser) }
  }
  return { columns: room.columns, height: clampHeight(usual) }
}

/** The height that each of the rows of the first nine panels could have. */
function freeHeight(sectionSizes: readonly number[], room: GridRoom): number {
  const total = sectionSizes.reduce((sum, size) => sum + size, 0)
  const wanted = Math.min(WANTED_PANELS, total)
  let rows = 0
  let headers = 0
  let seen = 0
  for (const size of sectionSizes) {
    if (seen >= wanted) break
    headers++
    const needed = Math.ceil(Math.min(size, wanted - seen) / room.columns)
    rows += needed
    seen += Math.min(size, needed * room.columns)
  }
  if (rows === 0) return PANEL_HEIGHT
  return Math.floor((room.height - headers * room.sectionHeader - rows * room.gap) / rows)
}

function clampHeight(height: number): number {
  return Math.max(PANEL_MIN, Math.min(PANEL_HEIGHT, height))
}

function rank(name: string): number {
  if (name === '') return 0
  if (/^train/i.test(name)) return 1
  if (/^(val|valid|validation|eval|dev)\b/i.test(name)) return 2
  if (/^test\b/i.test(name)) return 3
  return 4
}
