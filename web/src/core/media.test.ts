import { expect, test } from 'vitest'
import { decodeLoggedMap } from './exact'
import { flatten } from './flatten'
import { describeTyped, pathOfTyped } from './media'

test('typed objects are described, not taken apart', () => {
  const summary = decodeLoggedMap({
    weights: { _type: 'histogram', values: [1, 2, 3], bins: [0, 1, 2, 3] },
    samples: { _type: 'images/separated', count: 12, filenames: ['media/images/a.png'] },
    table: { _type: 'table-file', nrows: 30, ncols: 4, size: 12100, path: 'media/table/t.table.json' },
    loss: { min: 0.1 },
  })
  const rows = flatten(summary)

  expect(rows.map(({ key }) => key)).toEqual(['weights', 'samples', 'table', 'loss.min'])
  const texts = ['weights', 'samples', 'table'].map((key) => describeTyped(summary.get(key) as never))
  expect(texts).toEqual(['histogram, 3 bins', '12 images', 'table, 30 × 4, 12.1 kB'])
  expect(pathOfTyped(summary.get('samples') as never)).toBe('media/images/a.png')
})
