import { describe, expect, test } from 'vitest'
import { nameMatcher, panelHeight, titleInSection, toSections } from './sections'

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

describe('panelHeight', () => {
  const room = { height: 900 - 84 - 8, columns: 3, sectionHeader: 32, gap: 8 }

  test('one big section has panels of full height', () => {
    expect(panelHeight([12], room)).toBe(248)
  })

  test('short sections get lower panels, so that nine are whole', () => {
    const height = panelHeight([5, 4, 3], room)
    expect(height).toBeGreaterThanOrEqual(160)
    expect(4 * height + 2 * 32 + 4 * 8).toBeLessThanOrEqual(room.height)
  })

  test('a small window does not make panels unreadable', () => {
    expect(panelHeight([5, 4, 3], { ...room, height: 300 })).toBe(160)
  })
})
