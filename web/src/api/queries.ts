/** One options factory per resource; keys start with the resource's noun. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { decodeSeries, decodeSeriesBytes, type SeriesSet } from '../core/series'
import type {
  ApiKey,
  ColumnsAnswer,
  ConsolePage,
  Metric,
  NewApiKey,
  Page,
  Project,
  Run,
  RunChange,
  RunDetail,
  RunFile,
  SeriesAnswer,
  SeriesRequest,
  Session,
} from '../core/types'
import { apiUrl, ApiError, pathOf, request, requestRaw, requestText, setCsrfToken } from './http'
import { Lane } from './lane'

export interface ProjectRef {
  entity: string
  project: string
}

export interface RunRef extends ProjectRef {
  run: string
}

const seriesLane = new Lane(6)

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  retry: 1,
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return keep(await request<Session>('GET', '/session', { signal }))
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return keep(null)
      throw error
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
})

export async function signIn(body: { api_key: string } | { token: string }): Promise<Session> {
  return keep(await request<Session>('POST', '/session', { body }))
}

export async function signOut(): Promise<void> {
  await request('DELETE', '/session')
  keep(null)
}

export function createKey(description: string): Promise<NewApiKey> {
  return request('POST', '/keys', { body: { description } })
}

export const keysQuery = queryOptions({
  queryKey: ['keys'],
  queryFn: ({ signal }) => request<Page<ApiKey> | ApiKey[]>('GET', '/keys', { signal }),
})

export const projectsQuery = (q: string, entity: string | null) =>
  infiniteQueryOptions({
    queryKey: ['projects', q, entity],
    queryFn: ({ signal, pageParam }) =>
      request<Page<Project>>('GET', '/projects', {
        signal,
        query: { q, entity, after: pageParam, limit: 100 },
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  })

export const projectQuery = (at: ProjectRef) =>
  queryOptions({
    queryKey: ['project', at],
    queryFn: ({ signal }) => request<Project>('GET', projectPath(at), { signal }),
  })

export interface RunListSpec {
  q: string
  sort: string
  columns: readonly string[]
}

export const runsQuery = (at: ProjectRef, spec: RunListSpec) =>
  infiniteQueryOptions({
    queryKey: ['runs', at, spec],
    queryFn: ({ signal, pageParam }) =>
      request<Page<Run>>('GET', `${projectPath(at)}/runs`, {
        signal,
        query: { q: spec.q, sort: spec.sort, columns: spec.columns, after: pageParam, limit: 100 },
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  })

export const runQuery = (at: RunRef) =>
  queryOptions({
    queryKey: ['run', at],
    queryFn: ({ signal }) => request<RunDetail>('GET', runPath(at), { signal }),
  })

export function changeRun(at: RunRef, change: RunChange): Promise<RunDetail> {
  return request('PATCH', runPath(at), { body: change })
}

export function stopRun(at: RunRef): Promise<void> {
  return request('POST', `${runPath(at)}/stop`)
}

export function deleteRun(at: RunRef): Promise<void> {
  return request('DELETE', runPath(at))
}

/** Whose metrics: of all runs of a project, of some, of one run, or of its machine. */
export type CatalogueSource =
  | { kind: 'project'; at: ProjectRef }
  | { kind: 'runs'; at: ProjectRef; runs: readonly string[] }
  | { kind: 'run' | 'system'; at: RunRef }

/** How names are searched on the server; all metrics without any. */
export interface NameSearch {
  search?: string
  prefix?: string
  regex?: string
}

/** What one answer holds at most; catalogues may have 100,000 names. */
const CATALOGUE_PAGE = 1000

export const catalogueQuery = (source: CatalogueSource, find: NameSearch = {}) =>
  infiniteQueryOptions({
    queryKey: ['metrics', source, find],
    queryFn: ({ signal, pageParam }) =>
      request<Page<Metric>>('GET', cataloguePath(source), {
        signal,
        query: {
          ...find,
          ...(source.kind === 'runs' ? { run: source.runs } : {}),
          after: pageParam,
          limit: CATALOGUE_PAGE,
        },
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  })

function cataloguePath(source: CatalogueSource): string {
  if (source.kind === 'run') return `${runPath(source.at)}/metrics`
  return source.kind === 'system' ? `${runPath(source.at)}/system` : `${projectPath(source.at)}/metrics`
}

/** Columns as they lie in memory; JSON from a server that does not know the type. */
const SERIES_TYPE = 'application/vnd.kymograph.series'

/** `single`: means and bounds of buckets to about 7 digits, which is enough for pixels. */
export async function fetchSeries(
  at: ProjectRef,
  spec: SeriesRequest,
  precision: 'single' | 'double',
  signal?: AbortSignal,
): Promise<SeriesSet> {
  const response = await requestRaw('POST', `${projectPath(at)}/series`, {
    signal,
    accept: `${SERIES_TYPE}, application/json;q=0.5`,
    body: { ...spec, precision },
  })
  return response.headers.get('Content-Type') === SERIES_TYPE
    ? decodeSeriesBytes(await response.arrayBuffer())
    : decodeSeries((await response.json()) as SeriesAnswer<(number | null)[]>)
}

/** Series for a chart, when there is room. `urgency`: 0 on screen, 1 near it. */
export function readSeries(
  at: ProjectRef,
  spec: SeriesRequest,
  urgency: number,
  signal: AbortSignal,
): Promise<SeriesSet> {
  return seriesLane.run(urgency, signal, () => fetchSeries(at, spec, 'single', signal))
}

/** One panel's data for all its runs. */
export const seriesQuery = (at: ProjectRef, spec: SeriesRequest, urgency: number) =>
  queryOptions({
    queryKey: ['series', at, spec],
    queryFn: ({ signal }): Promise<SeriesSet> => readSeries(at, spec, urgency, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    structuralSharing: false,
  })

export function fetchConsole(
  at: RunRef,
  query: { tail: number } | { start: number; limit: number },
  signal?: AbortSignal,
): Promise<ConsolePage> {
  return request('GET', `${runPath(at)}/console`, { signal, query: { ...query } })
}

export const filesQuery = (at: RunRef) =>
  infiniteQueryOptions({
    queryKey: ['files', at],
    queryFn: ({ signal, pageParam }) =>
      request<Page<RunFile>>('GET', `${runPath(at)}/files`, {
        signal,
        query: { after: pageParam, limit: 1000 },
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  })

/** The text of a file, by its path in the API. */
export const fileTextQuery = (path: string) =>
  queryOptions({
    queryKey: ['file-text', path],
    queryFn: ({ signal }) => requestText(path, { signal }),
  })

/** Rows in columns, as the server reads them from a file, by their path in the API. */
export const columnsQuery = (path: string) =>
  queryOptions({
    queryKey: ['columns', path],
    queryFn: ({ signal }) => request<ColumnsAnswer>('GET', path, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  })

export function liveUrl(at: ProjectRef): string {
  return apiUrl(`${projectPath(at)}/live`)
}

export function projectPath(at: ProjectRef): string {
  return `/projects${pathOf(at.entity, at.project)}`
}

export function runPath(at: RunRef): string {
  return `${projectPath(at)}/runs${pathOf(at.run)}`
}

export function runFilePath(at: RunRef, name: string): string {
  return `${runPath(at)}/files${pathOf(...name.split('/'))}`
}

function keep<T extends Session | null>(session: T): T {
  setCsrfToken(session?.csrf_token ?? null)
  return session
}
