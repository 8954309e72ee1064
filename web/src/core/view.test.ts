import { expect, test } from 'vitest'
import { encodeList, encodeView, listOf, parseRange, parseSearch, parseView, stringifySearch } from './view'

test('defaults are left out of the address', () => {
  expect(encodeView(parseView({}))).toEqual({})
})

test('a view survives the address', () => {
  const view = parseView({
    q: 'state = running',
    sort: 'summary.val/acc',
    x: 'rel',
    xr: '10..200.5',
    'xr.metric:epoch': '1..2',
    'yr.train/loss': '-1e-7..3',
    y: 'log',
    sm: '0.6',
    panel: 'val/acc',
    grid: '4',
    sel: 'a,b',
    full: 'train/loss',
  })
  expect(parseView(parseSearch(stringifySearch(encodeView(view))))).toEqual(view)
})

test('metric names with any character survive', () => {
  for (const name of ['a b/ü', '100%,x', '__proto__', 'a=b&c#d', '<script>']) {
    const search = parseSearch(
      stringifySearch(encodeView({ ...parseView({}), panel: name, full: new Set([name]) })),
    )
    expect(parseView(search).panel).toBe(name)
    expect([...parseView(search).full]).toEqual([name])
  }
})

test('lists keep commas and percent signs apart', () => {
  const items = ['a,b', '%2C', 'c']
  expect(listOf(encodeList(items))).toEqual(items)
})

test('broken values read as defaults', () => {
  expect(parseRange('5..1')).toBeNull()
  expect(parseRange('x')).toBeNull()
  expect(parseView({ sm: 'x', grid: '99', x: 'nonsense' })).toMatchObject({ sm: 0, columns: null, x: 'step' })
})
