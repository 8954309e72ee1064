/** Media of runs as the compare API answers them (`docs/reference/compare.md`), and where a slider may stand. */

import { asNumber, decodeLogged } from './exact'
import { countUpTo } from './steps'

export interface MediaKey {
  metric: string
  kinds: string[]
  runs: number
  points: number
}

/** What is shown until somebody chooses: the first metric with images, or the first of all. */
export function firstMetric(keys: readonly MediaKey[]): string[] {
  const found = keys.find(({ kinds }) => kinds.includes('image')) ?? keys[0]
  return found ? [found.metric] : []
}

/** One medium of those that were logged together. */
export interface Medium {
  index: number
  /** Name of the run's file; null if the bytes are in an artifact or there are none. */
  path: string | null
  url: string | null
  format: string | null
  caption: unknown
  width: number | null
  height: number | null
  size_bytes: number | null
  extra: Record<string, unknown>
}

/** What one run logged under one name at one step. */
export interface MediaItem {
  run_id: string
  run_name: string
  metric: string
  kind: string
  type: string
  step: number
  x: unknown
  media: Medium[]
}

export interface MediaAnswer {
  items: MediaItem[]
  next: string | null
  missing: string[]
}

export interface NotchesAnswer {
  x: string
  notches: unknown[]
  /** Each list that occurs, once. */
  columns: unknown[][]
  runs: {
    run_id: string
    run_name: string
    metrics: {
      metric: string
      kind: string
      /** Index into `columns`. */
      steps: number
      /** Index of the column with the x of each step; null if x is the step. */
      xs: number | null
    }[]
  }[]
  missing: string[]
}

/** Where a run has media of a metric. */
export interface Places {
  kind: string
  /** Steps in the order of `xs`. */
  steps: readonly number[]
  /** Ascending, on the slider's axis; the same list as `steps` if that is the step. */
  xs: readonly number[]
}

/** Everything a slider needs to know, without another request. */
export class Notches {
  /** Union over runs and metrics, ascending. */
  readonly all: readonly number[]
  readonly missing: readonly string[]
  readonly #places: ReadonlyMap<string, ReadonlyMap<string, Places>>

  constructor(answer: NotchesAnswer) {
    const columns = answer.columns.map(toNumbers)
    const sorted = new Map<string, Omit<Places, 'kind'>>()
    this.all = toNumbers(answer.notches)
    this.missing = answer.missing
    this.#places = new Map(
      answer.runs.map((run) => [
        run.run_id,
        new Map(
          run.metrics.map(({ metric, kind, steps, xs }) => {
            const key = `${steps},${xs ?? ''}`
            const places = sorted.get(key) ?? inOrder(columns[steps] ?? [], columns[xs ?? steps] ?? [])
            sorted.set(key, places)
            return [metric, { kind, ...places }]
          }),
        ),
      ]),
    )
  }

  find(run: string, metric: string): Places | null {
    return this.#places.get(run)?.get(metric) ?? null
  }

  /** Lists of x of a run, each one once: many metrics share theirs. */
  listsOf(run: string): (readonly number[])[] {
    return [...new Set([...(this.#places.get(run)?.values() ?? [])].map(({ xs }) => xs))]
  }
}

/** What stands for a slider's position: exactly there, before it, or nowhere. */
export interface Match {
  step: number
  x: number
  isExact: boolean
}

/** The media at `x`, or else the last before it; of several steps with one x the last. */
export function matchOf({ steps, xs }: Places, x: number): Match | null {
  const at = countUpTo(xs, x) - 1
  const step = steps[at]
  const found = xs[at]
  return step === undefined || found === undefined ? null : { step, x: found, isExact: found === x }
}

/** A caption is a text, a list of texts, or absent. */
export function captionOf({ caption }: Medium): string {
  if (typeof caption === 'string') return caption
  return Array.isArray(caption) ? caption.filter((part) => typeof part === 'string').join(' · ') : ''
}

/** Metrics of an axis may go back; a slider's do not. */
function inOrder(steps: readonly number[], xs: readonly number[]): Omit<Places, 'kind'> {
  if (steps === xs || xs.every((x, index) => index === 0 || (xs[index - 1] ?? x) <= x)) return { steps, xs }
  const order = [...xs.keys()].sort((a, b) => (xs[a] ?? 0) - (xs[b] ?? 0) || a - b)
  return { steps: order.map((at) => steps[at] ?? 0), xs: order.map((at) => xs[at] ?? 0) }
}

/** Columns are plain numbers nearly always; then they are taken as they are. */
function toNumbers(values: readonly unknown[]): readonly number[] {
  if (values.every((value) => typeof value === 'number')) return values
  return values.map((value) => asNumber(decodeLogged(value)) ?? Number.NaN)
}
