import { expect, test } from 'vitest'
import { decodeLogged, decodeLoggedMap, encodeLogged, isMap } from './exact'
import { diffMaps } from './diff'
import { flatten } from './flatten'

test('numbers that JSON cannot carry survive', () => {
  const value = decodeLogged(
    JSON.parse(
      '[{"$number":"NaN"},{"$number":"-Infinity"},{"$number":"-0.0"},{"$number":"18446744073709551615"}]',
    ),
  )
  expect(value).toEqual([Number.NaN, -Infinity, -0, 18446744073709551615n])
  expect(encodeLogged(value)).toBe('[NaN,-Infinity,-0.0,18446744073709551615]')
})

test('an object that only looks like a number is an object', () => {
  expect(isMap(decodeLogged({ $number: 'NaN', other: 1 }))).toBe(true)
})

test('keys named like prototype members are ordinary keys', () => {
  const map = decodeLoggedMap(JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}'))
  expect(flatten(map)).toEqual([
    { key: '__proto__.x', value: 1 },
    { key: 'constructor', value: 2 },
  ])
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
})

test('a diff has a row per key and knows which differ', () => {
  const rows = diffMaps([
    decodeLoggedMap({ lr: 1, a: { b: 2 } }),
    decodeLoggedMap({ lr: 2, a: { b: 2 }, c: null }),
  ])
  expect(rows).toEqual([
    { key: 'a.b', values: [2, 2], differs: false },
    { key: 'c', values: [undefined, null], differs: true },
    { key: 'lr', values: [1, 2], differs: true },
  ])
})
