/** Requests to `/api/v1`: typed errors, abort, and the CSRF token on writes. */

import { takeEarly } from '../early'

const BASE = '/api/v1'
/** Signing in needs no token, and gives one. */
const SIGN_IN = '/session'
/** Whoever has a link needs no session. */
const OF_LINKS = '/shared/'
/** Signed addresses of files; they are not below the API. */
const SIGNED = '/storage/'

/** The server answered with an error. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly kind: string,
    readonly requestId: string | null,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

/** No answer came: the server is away, or the network is. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('The server did not answer. It may be restarting; check that it runs.', { cause })
    this.name = 'Unreachable'
  }
}

export type QueryValue = string | number | readonly string[] | null | undefined

export interface RequestOptions {
  query?: Readonly<Record<string, QueryValue>>
  body?: unknown
  signal?: AbortSignal | undefined
  /** Media types to answer with, the best first; JSON when left out. */
  accept?: string
}

let csrfToken: string | null = null
let announceToken: () => void = () => undefined
const tokenKnown = new Promise<void>((resolve) => (announceToken = resolve))

/** The token of the session, or null for nobody; writes wait for the first call. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token
  announceToken()
}

export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(method, path, options)
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}

/** An answer whose decoding depends on its media type. */
export function requestRaw(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
  return send(method, path, options)
}

export async function requestText(path: string, options: RequestOptions = {}): Promise<string> {
  return (await send('GET', path, options)).text()
}

export async function requestBlob(path: string, options: RequestOptions = {}): Promise<Blob> {
  return (await send('GET', path, options)).blob()
}

/** An absolute address below the API, for links and images; signed ones of files stay as they are. */
export function apiUrl(path: string, query: RequestOptions['query'] = {}): string {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue
    for (const item of typeof value === 'object' ? value : [value]) parameters.append(key, String(item))
  }
  const text = parameters.toString()
  return `${path.startsWith(SIGNED) ? '' : BASE}${path}${text === '' ? '' : `?${text}`}`
}

/** Path segments percent-encoded and joined: names hold any character. */
export function pathOf(...segments: string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('')
}

async function send(method: string, path: string, options: RequestOptions): Promise<Response> {
  const headers = new Headers({ Accept: options.accept ?? 'application/json' })
  if (options.body !== undefined) headers.set('Content-Type', 'application/json')
  if (method !== 'GET' && path !== SIGN_IN && !path.startsWith(OF_LINKS)) await tokenKnown
  if (method !== 'GET' && csrfToken !== null) headers.set('X-Kymograph-CSRF', csrfToken)
  const url = apiUrl(path, options.query)
  let response: Response
  try {
    response = await ((method === 'GET' && takeEarly(url)) ||
      fetch(url, {
        method,
        headers,
        credentials: 'same-origin',
        body: options.body === undefined ? null : JSON.stringify(options.body),
        signal: options.signal ?? null,
      }))
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new Unreachable(error)
  }
  if (!response.ok) throw await toError(response)
  return response
}

async function toError(response: Response): Promise<ApiError> {
  const fallback = `The server answered ${response.status} ${response.statusText}`.trim()
  try {
    const body = (await response.json()) as {
      error?: { kind?: string; message?: string; request_id?: string }
    }
    const { kind = 'Error', message = fallback, request_id: requestId = null } = body.error ?? {}
    return new ApiError(message, response.status, kind, requestId)
  } catch {
    return new ApiError(fallback, response.status, 'Error', null)
  }
}
