import { afterEach, expect, test, vi } from 'vitest'
import { catalogueQuery, runsQuery, sessionQuery } from './api/queries'
import { DEFAULT_SORT } from './core/view'
import { firstRequests, sendEarly, takeEarly } from './early'

afterEach(() => vi.unstubAllGlobals())

function recordFetches(): string[] {
  const urls: string[] = []
  vi.stubGlobal('fetch', (url: string) => {
    urls.push(url)
    return Promise.resolve(Response.json({ items: [], next: null, total: 0 }))
  })
  return urls
}

async function call(query: { queryFn?: unknown }): Promise<void> {
  const run = query.queryFn as (context: object) => Promise<unknown>
  await run({ signal: new AbortController().signal, pageParam: null })
}

test('the requests sent early are those that the page of a project makes', async () => {
  const urls = recordFetches()
  const at = { entity: 'my team', project: 'a/b ü' }
  await call(sessionQuery)
  await call(runsQuery(at, { q: '', sort: DEFAULT_SORT, columns: [] }))
  await call(catalogueQuery({ kind: 'project', at }))

  expect(firstRequests('/my%20team/a%2Fb%20%C3%BC', '?xr=0..5')).toEqual(urls)
})

test('another order of runs is not guessed at', () => {
  expect(firstRequests('/team/project', '?sort=name')).toEqual([
    '/api/v1/session',
    '/api/v1/projects/team/project/metrics?limit=1000',
  ])
})

test('other pages begin with the session', () => {
  for (const address of ['/', '/login', '/login/token', '/team', '/team/project/runs/r1', '/settings/keys']) {
    expect(firstRequests(address, '')).toEqual(['/api/v1/session'])
  }
})

test('an answer is taken once, and the page asks for itself from then on', async () => {
  const urls = recordFetches()
  sendEarly({ pathname: '/team/project', search: '' } as Location)
  const [first] = urls
  expect(urls).toHaveLength(3)

  await call(sessionQuery)
  expect(urls).toHaveLength(3)
  expect(takeEarly(first ?? '')).toBeUndefined()
  await call(sessionQuery)
  expect(urls).toHaveLength(4)
})

test('a link asks for what it shows, and for no session', () => {
  expect(firstRequests('/share/a%2Fb', '?step=3')).toEqual(['/api/v1/shared/a%2Fb'])
})
