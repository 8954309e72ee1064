import { expect, test } from 'vitest'
import { middleEllipsis, splitTail } from './ellipsis'

test('a long name keeps both ends', () => {
  expect(middleEllipsis('resnet50-lr3e-03-seed2-29', 14)).toBe('resnet5…ed2-29')
  expect(middleEllipsis('short', 14)).toBe('short')
})

test('characters beyond the basic plane are not cut apart', () => {
  expect(middleEllipsis('🙂🙂🙂🙂🙂', 3)).toBe('🙂…🙂')
})

test('head and tail together are the name', () => {
  for (const name of ['vit-s-lr8e-04-s2-26', 'x', 'a'.repeat(300), 'ünïcödé/näme/with/päth']) {
    expect(splitTail(name).join('')).toBe(name)
  }
})

test('the tail starts at a separator where one is near', () => {
  expect(splitTail('convnext-t-lr1e-04-s2-28', 9)[1]).toBe('-04-s2-28')
  expect(splitTail('short-name', 9)).toEqual(['short-name', ''])
})
