/** Rules by which versions are deleted, as the dialog has them. */

import type { CleanUp } from './artifacts'
import { plural } from './format'

export interface CleanUpRule {
  /** Empty for all types. */
  type: string
  keepLast: number
  olderThanDays: number | null
  withAliases: boolean
  expired: boolean
}

const DAY_MS = 86_400_000

/** The rule as the server takes it; "older than" counts from `nowMs`. */
export function cleanUpOf(rule: CleanUpRule, collection: string | undefined, nowMs: number): CleanUp {
  return {
    ...(collection === undefined ? {} : { collection }),
    ...(rule.type === '' || collection !== undefined ? {} : { type: rule.type }),
    ...(rule.olderThanDays === null
      ? {}
      : { created_before: new Date(nowMs - rule.olderThanDays * DAY_MS).toISOString() }),
    keep_last: rule.keepLast,
    expired: rule.expired,
    with_aliases: rule.withAliases,
  }
}

/** What stays, in a sentence. */
export function cleanUpWords(rule: CleanUpRule): string {
  const kept = [
    ...(rule.keepLast > 0
      ? [`the newest ${rule.keepLast === 1 ? 'one' : rule.keepLast} of each collection`]
      : []),
    ...(rule.olderThanDays !== null && rule.olderThanDays > 0
      ? [`everything of the last ${plural(rule.olderThanDays, 'day')}`]
      : []),
    ...(rule.withAliases ? [] : ['versions with an alias']),
    'versions that are linked elsewhere',
  ]
  const last = kept.pop() ?? ''
  return `Kept: ${kept.length > 0 ? `${kept.join(', ')} and ${last}` : last}.`
}
