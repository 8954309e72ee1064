/** Nested config and summary as dotted rows. */

import { isMap, type Logged, type LoggedMap } from './exact'
import { isTyped } from './media'

export interface FlatEntry {
  key: string
  value: Logged
}

/** Leaves in logged order; an empty object is a leaf, so that it does not vanish, and so is logged media. */
export function flatten(map: LoggedMap, prefix = ''): FlatEntry[] {
  const rows: FlatEntry[] = []
  for (const [name, value] of map) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (isMap(value) && value.size > 0 && !isTyped(value)) rows.push(...flatten(value, key))
    else rows.push({ key, value })
  }
  return rows
}
