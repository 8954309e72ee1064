import { describe, expect, test } from 'vitest'
import { fitPanels, nameMatcher, toNameSearch, titleInSection, toSections } from './sections'

test('metrics are grouped by their first prefix, training first', () => {
  expect(toSections(['val/acc', 'loss', 'train/l10', 'train/l2', 'b/x/y', 'system.cpu'])).toEqual([
    { name: '', metrics: ['loss'] },
    { name: 'train', metrics: ['train/l2', 'train/l10'] },
    { name: 'val', metrics: ['val/acc'] },
    { name: 'b', metrics: ['b/x/y'] },
    { name: 'system', metrics: ['system.cpu'] },
  ])
  expect(titleInSection('train/loss', 'train')).toBe('loss')
  expect(titleInSection('system.cpu', 'system')).toBe('cpu')
})

test('a search is a pattern, and plain text when it cannot be one', () => {
  expect(nameMatcher('loss|acc').test('val/Acc')).toBe(true)
  expect(nameMatcher('a(b').test('xa(by')).toBe(true)
})

describe('toNameSearch', () => {
  test('letters are searched as text, a pattern as a pattern in any case', () => {
    expect(toNameSearch(' Loss ')).toEqual({ search: 'Loss' })
    expect(toNameSearch('loss|acc')).toEqual({ regex: '(?i)loss|acc' })
    expect(toNameSearch('layer.7')).toEqual({ regex: '(?i)layer.7' })
  })

  test('what is no pattern is text, and nothing is no search', () => {
    expect(toNameSearch('loss(')).toEqual({ search: 'loss(' })
    expect(toNameSearch('  ')).toEqual({})
  })
})

describe('fitPanels', () => {
  const room = { height: 900 - 84 - 8, columns: 3, sectionHeader: 32, gap: 8 }

  test('one big section has panels of full height', () => {
    expect(fitPanels([12], room, 4)).toEqual({ columns: 3, height: 248 })
  })

  test('short sections get lower panels, so that nine are whole', () => {
    const { columns, height } = fitPanels([5, 4, 3], room, 4)
    expect(columns).toBe(3)
    expect(height).toBeGreaterThanOrEqual(160)
    expect(4 * height + 2 * 32 + 4 * 8).toBeLessThanOrEqual(room.height)
  })

  test('where lower panels are not enough, one more column is', () => {
    const { columns, height } = fitPanels([4, 4, 4], room, 4)
    expect(columns).toBe(4)
    expect(3 * height + 3 * 32 + 3 * 8).toBeLessThanOrEqual(room.height)
  })

  test('the number of columns that somebody chose stays', () => {
    expect(fitPanels([4, 4, 4], room, 3).columns).toBe(3)
  })

  test('a small window does not make panels unreadable', () => {
    expect(fitPanels([5, 4, 3], { ...room, height: 300 }, 3)).toEqual({ columns: 3, height: 160 })
  })
})
