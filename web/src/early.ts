/**
 * The requests that every visit begins with, sent while the code that needs them still loads.
 *
 * Imports nothing: it runs before the libraries are there. An address that the page then asks for differently costs a
 * request that nobody reads; a test compares them.
 */

const sent = new Map<string, Promise<Response>>()

/** First segments of addresses that are no owners of projects. */
const OWN_PAGES = new Set([
  'authorize',
  'login',
  'logout',
  'settings',
  'share',
  'search',
  'trash',
  'registry',
])
/** Parts of a project's address that change which runs are listed. */
const OTHER_LISTS = ['q', 'sort', 'cols']

/** Addresses that a page asks for first. */
export function firstRequests(pathname: string, search: string): string[] {
  const [first = '', second, ...more] = pathname.split('/').filter((segment) => segment !== '')
  const session = '/api/v1/session'
  if (first === 'share' && second !== undefined) return [`/api/v1/shared/${recoded(second)}`]
  if (OWN_PAGES.has(first) || second === undefined || more.length > 0) return [session]
  const project = `/api/v1/projects/${recoded(first)}/${recoded(second)}`
  const parameters = new URLSearchParams(search)
  const listed = !OTHER_LISTS.some((name) => parameters.has(name))
  return [
    session,
    ...(listed ? [`${project}/runs?sort=-created_at&limit=100`] : []),
    `${project}/metrics?limit=1000`,
  ]
}

export function sendEarly({ pathname, search }: Location): void {
  for (const url of firstRequests(pathname, search)) {
    const answer = fetch(url, { headers: { Accept: 'application/json' }, credentials: 'same-origin' })
    // Whoever takes it hears of a failure; if nobody does, nobody has to.
    answer.catch(() => undefined)
    sent.set(url, answer)
  }
}

/** The answer to a request that was sent early; once. */
export function takeEarly(url: string): Promise<Response> | undefined {
  const answer = sent.get(url)
  sent.delete(url)
  return answer
}

function recoded(segment: string): string {
  try {
    return encodeURIComponent(decodeURIComponent(segment))
  } catch {
    return segment
  }
}
