/** Links that show a comparison to people without an account. */

import { queryOptions } from '@tanstack/react-query'
import type { NamedRun, Page } from '../core/types'
import type { Search } from '../core/view'
import { pathOf, request } from './http'
import type { ProjectRef } from './queries'

/** What a link shows. */
export interface ShownByLink {
  run_ids: string[]
  metrics: string[]
  /** As the compare API names it: `_step`, or a metric. */
  x: string
  /** Parameters of the page's address: how things are shown. */
  view: Search
}

export interface Share extends ShownByLink {
  id: string
  user: string
  created_at: string
  expires_at: string
}

export interface NewShare extends Share {
  token: string
  url: string
}

/** What somebody who has a link is told. */
export interface SharedComparison extends ShownByLink, ProjectRef {
  /** Those that are there. */
  runs: NamedRun[]
  expires_at: string
  public_url: string
}

export const sharesQuery = (at: ProjectRef) =>
  queryOptions({
    queryKey: ['shares', at],
    queryFn: ({ signal }) =>
      request<Page<Share>>('GET', '/shares', { signal, query: { ...at, limit: 1000 } }),
  })

export function createShare(at: ProjectRef, shown: ShownByLink, days: number): Promise<NewShare> {
  return request('POST', '/shares', { body: { ...at, ...shown, days } })
}

export function revokeShare(id: string): Promise<void> {
  return request('DELETE', `/shares${pathOf(id)}`)
}

/** @param token Secret of the link. */
export const sharedQuery = (token: string) =>
  queryOptions({
    queryKey: ['shared', token],
    queryFn: ({ signal }) => request<SharedComparison>('GET', sharedPath(token), { signal }),
    // One that does not open will not open when it is asked again.
    retry: false,
  })

export function sharedPath(token: string): string {
  return `/shared${pathOf(token)}`
}
