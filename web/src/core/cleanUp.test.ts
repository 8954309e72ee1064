import { describe, expect, it } from 'vitest'
import { cleanUpOf, cleanUpWords } from './cleanUp'

const RULE = { type: 'dataset', keepLast: 3, olderThanDays: 2, withAliases: false, expired: false }

describe('cleanUpOf', () => {
  it('says everything that the rule does', () => {
    expect(cleanUpOf(RULE, undefined, Date.UTC(2026, 10, 27))).toEqual({
      type: 'dataset',
      created_before: '2026-11-25T00:00:00.000Z',
      keep_last: 3,
      expired: false,
      with_aliases: false,
    })
  })

  it('asks for a collection without its type, and for any age', () => {
    expect(cleanUpOf({ ...RULE, olderThanDays: null }, 'train-set', 0)).toEqual({
      collection: 'train-set',
      keep_last: 3,
      expired: false,
      with_aliases: false,
    })
  })
})

describe('cleanUpWords', () => {
  it('names what stays', () => {
    expect(cleanUpWords(RULE)).toBe(
      'Kept: the newest 3 of each collection, everything of the last 2 days, versions with an alias and versions that are linked elsewhere.',
    )
    expect(cleanUpWords({ ...RULE, keepLast: 0, olderThanDays: null, withAliases: true })).toBe(
      'Kept: versions that are linked elsewhere.',
    )
  })
})
