import { expect, test } from 'vitest'
import { bucketsFor } from './useBuckets'

test('one bucket per pixel, in steps, so that a drag of the window does not ask for every width', () => {
  expect([0, 268, 300, 301, 1338, 9000].map(bucketsFor)).toEqual([50, 300, 300, 350, 1350, 2000])
})
