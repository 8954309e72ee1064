/** Requests about registries. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import {
  nameFilter,
  type Registry,
  type RegistryChange,
  type RegistryCollection,
  type RegistryDetail,
  type RegistryMembers,
} from '../core/registries'
import type { Page } from '../core/types'
import { pathOf, request } from './http'

export interface RegistryRef {
  organization: string
  registry: string
}

export const registriesQuery = queryOptions({
  queryKey: ['registries'],
  queryFn: ({ signal }) => request<{ items: Registry[] }>('GET', '/registries', { signal }),
})

export const registryQuery = (at: RegistryRef) =>
  queryOptions({
    queryKey: ['registries', at],
    queryFn: ({ signal }) => request<RegistryDetail>('GET', registryPath(at), { signal }),
  })

export function changeRegistry(at: RegistryRef, change: RegistryChange): Promise<RegistryDetail> {
  return request('PATCH', registryPath(at), { body: change })
}

export const registryCollectionsQuery = (at: RegistryRef, find: string) =>
  infiniteQueryOptions({
    queryKey: ['registries', at, 'collections', find],
    queryFn: ({ signal, pageParam }) =>
      request<Page<RegistryCollection>>('GET', `${registryPath(at)}/collections`, {
        signal,
        query: { q: nameFilter(find), sort: 'name', after: pageParam, limit: 100 },
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  })

export const registryMembersQuery = (at: RegistryRef) =>
  queryOptions({
    queryKey: ['registries', at, 'members'],
    queryFn: ({ signal }) => request<RegistryMembers>('GET', `${registryPath(at)}/members`, { signal }),
  })

function registryPath(at: RegistryRef): string {
  return `/registries${pathOf(at.organization, at.registry)}`
}
