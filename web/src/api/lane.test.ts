import { expect, test } from 'vitest'
import { Lane } from './lane'

interface Job {
  name: string
  finish: () => void
}

function setUp(width: number) {
  const lane = new Lane(width)
  const started: Job[] = []
  const add = (name: string, urgency: number, signal = new AbortController().signal): Promise<string> =>
    lane.run(
      urgency,
      signal,
      () => new Promise<string>((resolve) => started.push({ name, finish: () => resolve(name) })),
    )
  return { started, add, names: () => started.map((job) => job.name) }
}

/** Lets promises that are settled run their continuations. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

test('no more than its width run at a time', async () => {
  const { started, add, names } = setUp(2)
  void add('a', 0)
  void add('b', 0)
  void add('c', 0)
  await turn()
  expect(names()).toEqual(['a', 'b'])

  started[0]?.finish()
  await turn()
  expect(names()).toEqual(['a', 'b', 'c'])
})

test('the most urgent waits least, equal ones in order', async () => {
  const { started, add, names } = setUp(1)
  void add('first', 5)
  void add('near 1', 1)
  void add('near 2', 1)
  void add('visible', 0)
  for (let i = 0; i < 4; i++) {
    await turn()
    started[i]?.finish()
  }

  expect(names()).toEqual(['first', 'visible', 'near 1', 'near 2'])
})

test('a stale request leaves the line without being sent', async () => {
  const { started, add, names } = setUp(1)
  const stale = new AbortController()
  void add('running', 0)
  const waiting = add('stale', 0, stale.signal)
  void add('next', 0)
  stale.abort()
  await expect(waiting).rejects.toThrow()

  started[0]?.finish()
  await turn()
  expect(names()).toEqual(['running', 'next'])
})
