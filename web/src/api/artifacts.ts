/** Requests about artifacts, lineage and storage; one options factory per resource. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import type {
  ArtifactCollection,
  ArtifactType,
  ArtifactVersion,
  ChangeKind,
  CleanUp,
  CollectionStorage,
  DiffPage,
  FolderPage,
  Freed,
  ProjectStorage,
  Purged,
  RunArtifacts,
  VersionChange,
  VersionDetail,
  VersionStoragePage,
  VersionUse,
} from '../core/artifacts'
import type { LineageAnswer, LineagePage } from '../core/lineage'
import type { Page } from '../core/types'
import { pathOf, request } from './http'
import { projectPath, runPath, type ProjectRef, type RunRef } from './queries'

export interface CollectionRef extends ProjectRef {
  collection: string
}

export interface VersionRef extends CollectionRef {
  /** `v12` or an alias. */
  version: string
}

const PAGE = 100
const firstPage = null as string | null

export const artifactTypesQuery = (at: ProjectRef) =>
  queryOptions({
    queryKey: ['artifacts', 'types', at],
    queryFn: ({ signal }) =>
      request<{ items: ArtifactType[]; total: number }>('GET', `${artifactsPath(at)}/types`, { signal }),
  })

export const collectionsQuery = (at: ProjectRef, type: string | null, q: string) =>
  infiniteQueryOptions({
    queryKey: ['artifacts', 'collections', at, type, q],
    queryFn: ({ signal, pageParam }) =>
      request<Page<ArtifactCollection>>('GET', `${artifactsPath(at)}/collections`, {
        signal,
        query: { type, q, after: pageParam, limit: PAGE },
      }),
    initialPageParam: firstPage,
    getNextPageParam: (page) => page.next,
  })

export const collectionQuery = (at: CollectionRef) =>
  queryOptions({
    queryKey: ['artifacts', 'collection', at],
    queryFn: ({ signal }) => request<ArtifactCollection>('GET', collectionPath(at), { signal }),
  })

export function changeCollection(
  at: CollectionRef,
  change: { description?: string; tags?: string[] },
): Promise<ArtifactCollection> {
  return request('PATCH', collectionPath(at), { body: change })
}

export const versionsQuery = (at: CollectionRef) =>
  infiniteQueryOptions({
    queryKey: ['artifacts', 'versions', at],
    queryFn: ({ signal, pageParam }) =>
      request<Page<ArtifactVersion>>('GET', `${collectionPath(at)}/versions`, {
        signal,
        query: { after: pageParam, limit: PAGE },
      }),
    initialPageParam: firstPage,
    getNextPageParam: (page) => page.next,
  })

export const versionQuery = (at: VersionRef) =>
  queryOptions({
    queryKey: ['artifacts', 'version', at],
    queryFn: ({ signal }) => request<VersionDetail>('GET', versionPath(at), { signal }),
  })

export function changeVersion(at: VersionRef, change: VersionChange): Promise<VersionDetail> {
  return request('PATCH', versionPath(at), { body: change })
}

export const folderQuery = (at: VersionRef, folder: string) =>
  infiniteQueryOptions({
    queryKey: ['artifacts', 'folder', at, folder],
    queryFn: ({ signal, pageParam }) =>
      request<FolderPage>('GET', `${versionPath(at)}/entries`, {
        signal,
        query: { folder, after: pageParam, limit: 200 },
      }),
    initialPageParam: firstPage,
    getNextPageParam: (page) => page.next,
    // What a version holds never changes.
    staleTime: Number.POSITIVE_INFINITY,
  })

export const entryQuery = (at: VersionRef, path: string) =>
  queryOptions({
    queryKey: ['artifacts', 'entry', at, path],
    queryFn: ({ signal }) =>
      request<FolderPage>('GET', `${versionPath(at)}/entries`, { signal, query: { path } }),
    staleTime: Number.POSITIVE_INFINITY,
  })

export function artifactFilePath(at: VersionRef, path: string): string {
  return `${versionPath(at)}/files${pathOf(...path.split('/'))}`
}

/** Where the rows of a Parquet file are answered. */
export function artifactRowsPath(at: VersionRef, path: string): string {
  return `${versionPath(at)}/rows${pathOf(...path.split('/'))}`
}

export const usesQuery = (at: VersionRef) =>
  infiniteQueryOptions({
    queryKey: ['artifacts', 'uses', at],
    queryFn: ({ signal, pageParam }) =>
      request<Page<VersionUse>>('GET', `${versionPath(at)}/uses`, {
        signal,
        query: { after: pageParam, limit: PAGE },
      }),
    initialPageParam: firstPage,
    getNextPageParam: (page) => page.next,
  })

export const diffQuery = (at: VersionRef, base: string, kind: ChangeKind | null, order: 'size' | 'path') =>
  infiniteQueryOptions({
    queryKey: ['artifacts', 'diff', at, base, kind, order],
    queryFn: ({ signal, pageParam }) =>
      request<DiffPage>('GET', `${versionPath(at)}/diff`, {
        signal,
        query: { base, kind, order, after: pageParam, limit: PAGE },
      }),
    initialPageParam: firstPage,
    getNextPageParam: (page) => page.next,
  })

export const runArtifactsQuery = (at: RunRef) =>
  queryOptions({
    queryKey: ['artifacts', 'run', at],
    queryFn: ({ signal }) => request<RunArtifacts>('GET', `${runPath(at)}/artifacts`, { signal }),
  })

export const lineageQuery = (at: ProjectRef, center: string, depth: number, limit: number) =>
  queryOptions({
    queryKey: ['lineage', at, center, depth, limit],
    queryFn: ({ signal }) =>
      request<LineageAnswer>('GET', `${projectPath(at)}/lineage`, {
        signal,
        query: { at: center, depth, limit },
      }),
    placeholderData: (before) => before,
  })

export function fetchNeighbors(
  at: ProjectRef,
  node: string,
  direction: 'up' | 'down',
  skip: number,
  limit: number,
): Promise<LineagePage> {
  return request('GET', `${projectPath(at)}/lineage/neighbors`, {
    query: { at: node, direction, skip, limit },
  })
}

export const storageQuery = (at: ProjectRef) =>
  queryOptions({
    queryKey: ['storage', at],
    queryFn: ({ signal }) => request<ProjectStorage>('GET', `${projectPath(at)}/storage`, { signal }),
  })

export const storedCollectionsQuery = (at: ProjectRef, order: 'own' | 'content' | 'name') =>
  infiniteQueryOptions({
    queryKey: ['storage', at, 'collections', order],
    queryFn: ({ signal, pageParam }) =>
      request<Page<CollectionStorage>>('GET', `${projectPath(at)}/storage/collections`, {
        signal,
        query: { order, after: pageParam, limit: PAGE },
      }),
    initialPageParam: firstPage,
    getNextPageParam: (page) => page.next,
  })

export const trashedVersionsQuery = (at: CollectionRef) =>
  infiniteQueryOptions({
    queryKey: ['storage', at, 'trash'],
    queryFn: ({ signal, pageParam }) =>
      request<VersionStoragePage>('GET', `${projectPath(at)}/storage/collections${pathOf(at.collection)}`, {
        signal,
        query: { deleted: 'true', after: pageParam, limit: PAGE },
      }),
    initialPageParam: firstPage,
    getNextPageParam: (page) => page.next,
  })

/** With `dryRun`, only says what would go. */
export function deleteVersions(at: ProjectRef, wanted: CleanUp, dryRun: boolean): Promise<Freed> {
  return request('POST', `${artifactsPath(at)}/delete`, { body: { ...wanted, dry_run: dryRun } })
}

export function undeleteVersions(
  at: ProjectRef,
  wanted: { collection?: string; versions?: string[] },
): Promise<Freed> {
  return request('POST', `${artifactsPath(at)}/undelete`, { body: wanted })
}

export function purgeVersions(at: ProjectRef, dryRun: boolean): Promise<Purged> {
  return request('POST', `${artifactsPath(at)}/purge`, { body: { dry_run: dryRun } })
}

export function setTimeToLive(at: ProjectRef, seconds: number | null): Promise<ProjectStorage> {
  return request('PATCH', `${projectPath(at)}/storage`, { body: { ttl_s: seconds } })
}

function artifactsPath(at: ProjectRef): string {
  return `${projectPath(at)}/artifacts`
}

function collectionPath(at: CollectionRef): string {
  return `${artifactsPath(at)}/collections${pathOf(at.collection)}`
}

function versionPath(at: VersionRef): string {
  return `${collectionPath(at)}/versions${pathOf(at.version)}`
}
