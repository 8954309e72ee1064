import { expect, test } from 'vitest'
import { toQuery } from './filter'

test('words stay words', () => {
  expect(toQuery('resnet lr1e-3')).toBe('resnet lr1e-3')
  expect(toQuery('  ')).toBe('')
})

test('conditions become the protocol’s filter form', () => {
  expect(toQuery('state = running')).toBe('{"state":"running"}')
  expect(toQuery('config.lr < 1e-3 and name ~ vit')).toBe(
    '{"$and":[{"config.lr.value":{"$lt":0.001}},{"display_name":{"$regex":"vit"}}]}',
  )
  expect(toQuery('{"state": "failed"}')).toBe('{"state": "failed"}')
})
