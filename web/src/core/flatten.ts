/** Nested config and summary as dotted rows. */

import { isMap, type Logged, type LoggedMap } from './exact'

export interface FlatEntry {
  key: string
  value: Logged
}

/** Leaves in logged order; an empty object is a leaf, so that it does not vanish. */
export function flatten(map: LoggedMap, prefix = ''): FlatEntry[] {
  const rows: FlatEntry[] = []
  for (const [name, value] of map) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (isMap(value) && value.size > 0) rows.push(...flatten(value, key))
    else rows.push({ key, value })
  }
  return rows
}
