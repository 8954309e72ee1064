/** The page state of a media comparison, read from the address and written back to it. */

import { encodeMagnification, parseMagnification, type Magnification } from './magnify'
import { encodeList, listOf, type Search } from './view'

/** One medium beside or over another: follows the step slider unless it has a step of its own. */
export interface Slot {
  run: string
  key: string
  /** Which of the media that were logged together. */
  index: number
  step: number | null
}

export type SlotName = 'a' | 'b'

export const MODES = ['side', 'split', 'blend', 'difference'] as const
/** How two images are shown: beside each other, or one over the other. */
export type Mode = (typeof MODES)[number]

/** One strip a run, or one column a run. */
export type Layout = 'strips' | 'columns'

export interface ComparisonView {
  /** Null until somebody chose. */
  runs: readonly string[] | null
  keys: readonly string[] | null
  /** On the axis `x`; null is the last one. */
  step: number | null
  /** `step`, or the metric that the slider goes by. */
  x: string
  /** Runs without media at the step show none, instead of their last ones before. */
  exact: boolean
  a: Slot | null
  b: Slot | null
  mode: Mode
  /** A and B fill their places, also when they are smaller. */
  fill: boolean
  /** Where the images part (`split`) or how much of B is seen (`blend`), 0 to 1. */
  mix: number
  /** Edge of a cell, px. */
  size: number
  layout: Layout
  magnification: Magnification
}

export const DEFAULT_SIZE = 144
export const SIZES: readonly [number, number] = [64, 400]
const DEFAULT_MIX = 0.5

export function parseComparison(search: Search): ComparisonView {
  return {
    runs: search['runs'] === undefined ? null : listOf(search['runs']),
    keys: search['keys'] === undefined ? null : listOf(search['keys']),
    step: parseNumber(search['step']),
    x: search['x'] ?? 'step',
    exact: search['exact'] === '1',
    a: parseSlot(search['a']),
    b: parseSlot(search['b']),
    mode: MODES.find((mode) => mode === search['mode']) ?? 'side',
    fill: search['fill'] === '1',
    mix: bounded(parseNumber(search['mix']) ?? DEFAULT_MIX, 0, 1),
    size: bounded(parseNumber(search['size']) ?? DEFAULT_SIZE, ...SIZES),
    layout: search['layout'] === 'columns' ? 'columns' : 'strips',
    magnification: parseMagnification(search['zoom']),
  }
}

/** Defaults are left out. */
export function encodeComparison(view: ComparisonView): Search {
  const search: Record<string, string> = {}
  const put = (key: string, value: string, standard = ''): void => {
    if (value !== standard) search[key] = value
  }
  // An empty choice is one: it differs from none made.
  if (view.runs !== null) search['runs'] = encodeList(view.runs)
  if (view.keys !== null) search['keys'] = encodeList(view.keys)
  if (view.step !== null) search['step'] = String(view.step)
  put('x', view.x, 'step')
  put('exact', view.exact ? '1' : '')
  put('a', view.a === null ? '' : encodeSlot(view.a))
  put('b', view.b === null ? '' : encodeSlot(view.b))
  put('mode', view.mode, 'side')
  put('fill', view.fill ? '1' : '')
  put('mix', String(Number(view.mix.toFixed(3))), String(DEFAULT_MIX))
  put('size', String(view.size), String(DEFAULT_SIZE))
  put('layout', view.layout, 'strips')
  put('zoom', encodeMagnification(view.magnification))
  return search
}

/** `run,key,index` and, if it stays at a step, that one. */
export function encodeSlot({ run, key, index, step }: Slot): string {
  return encodeList([run, key, String(index), ...(step === null ? [] : [String(step)])])
}

export function parseSlot(text: string | undefined): Slot | null {
  const [run, key, index, step] = listOf(text)
  const at = Number(index)
  if (run === undefined || key === undefined || !Number.isInteger(at) || at < 0) return null
  return { run, key, index: at, step: parseNumber(step) }
}

export function isSameMedium(a: Slot | null, b: Slot | null): boolean {
  return a?.run === b?.run && a?.key === b?.key && a?.index === b?.index
}

function parseNumber(text: string | undefined): number | null {
  const value = text === undefined || text === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : null
}

function bounded(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
