/** Values of several runs side by side: one row per key, with whether the runs differ. */

import { encodeLogged, type Logged, type LoggedMap } from './exact'
import { flatten } from './flatten'

export interface DiffRow {
  key: string
  /** One per run, in the order given; undefined where the run lacks the key. */
  values: (Logged | undefined)[]
  differs: boolean
}

export function diffMaps(maps: readonly LoggedMap[]): DiffRow[] {
  const columns = maps.map((map) => new Map(flatten(map).map(({ key, value }) => [key, value])))
  const keys = new Set(columns.flatMap((column) => [...column.keys()]))
  return [...keys].sort(compareNames).map((key) => {
    const values = columns.map((column) => column.get(key))
    const texts = new Set(values.map((value) => (value === undefined ? undefined : encodeLogged(value))))
    return { key, values, differs: texts.size > 1 }
  })
}

/** Names in the order people expect: `layer2` before `layer10`. */
export function compareNames(a: string, b: string): number {
  return COLLATOR.compare(a, b)
}

const COLLATOR = new Intl.Collator('en', { numeric: true })
