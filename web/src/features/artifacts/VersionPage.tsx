/** One version: what it is called, and everything about it in tabs. */

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useMemo } from 'react'
import {
  changeVersion,
  deleteVersions,
  undeleteVersions,
  versionQuery,
  versionsQuery,
  type VersionRef,
} from '../../api/artifacts'
import {
  artifactSplat,
  VERSION_TABS,
  type VersionChange,
  type VersionDetail,
  type VersionTab,
} from '../../core/artifacts'
import { formatNumber } from '../../core/format'
import { Boundary } from '../../ui/Boundary'
import { Copy } from '../../ui/Copy'
import { Icon } from '../../ui/Icon'
import { Menu } from '../../ui/Menu'
import { ErrorNote, SkeletonRows } from '../../ui/States'
import { Name } from '../../ui/Text'
import { showToast } from '../../ui/toasts'
import { AliasChips } from './AliasChips'
import { useAliases } from './useAliases'
import { VersionOverview } from './VersionOverview'

const VersionFiles = lazy(() => import('./VersionFiles').then((module) => ({ default: module.VersionFiles })))
const VersionDiff = lazy(() => import('./VersionDiff').then((module) => ({ default: module.VersionDiff })))
const VersionUses = lazy(() => import('./VersionUses').then((module) => ({ default: module.VersionUses })))
const VersionMetadata = lazy(() =>
  import('./VersionMetadata').then((module) => ({ default: module.VersionMetadata })),
)
const VersionLineage = lazy(() =>
  import('./VersionLineage').then((module) => ({ default: module.VersionLineage })),
)

const LABELS: Readonly<Record<VersionTab, string>> = {
  overview: 'Overview',
  files: 'Files',
  metadata: 'Metadata',
  diff: 'Diff',
  uses: 'Used by',
  lineage: 'Lineage',
}

interface VersionPageProps {
  at: VersionRef
  type: string
  tab: VersionTab
  file: string | undefined
}

export function VersionPage({ at, type, tab, file }: VersionPageProps) {
  const client = useQueryClient()
  const options = versionQuery(at)
  const query = useQuery(options)
  const change = useMutation({
    mutationFn: (patch: VersionChange) => changeVersion(at, patch),
    onSuccess: (next) => client.setQueryData(options.queryKey, next),
  })
  const version = query.data
  // What is open follows the version and not the alias, which may move meanwhile.
  const fixed = useMemo(() => (version ? { ...at, version: version.version } : at), [at, version])
  if (query.error && !version) {
    return (
      <ErrorNote
        what="This version could not be opened"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (!version) return <SkeletonRows rows={8} label="Loading the version" />
  return (
    <div className="version-page">
      <VersionHead at={at} type={type} version={version} />
      <nav className="tabs" aria-label="Parts of the version">
        {VERSION_TABS.map((key) => (
          <Link
            key={key}
            to="/$entity/$project/artifacts/$"
            params={{
              entity: at.entity,
              project: at.project,
              _splat: artifactSplat({ type, collection: at.collection, version: at.version, tab: key }),
            }}
            className="tab"
            activeOptions={{ exact: true, includeSearch: false }}
            aria-current={key === tab ? 'page' : undefined}
          >
            {LABELS[key]}
            {key === 'files' && <span className="faint"> {formatNumber(version.file_count)}</span>}
            {key === 'uses' && version.used_by > 0 && (
              <span className="faint"> {formatNumber(version.used_by)}</span>
            )}
          </Link>
        ))}
      </nav>
      {change.error && (
        <p className="run-problem is-err" role="alert">
          Not saved: {change.error.message}
        </p>
      )}
      <Boundary key={`${tab} ${version.id}`} what={`The tab ${LABELS[tab]}`}>
        <Suspense fallback={<SkeletonRows rows={8} label="Loading" />}>
          {tab === 'overview' && (
            <VersionOverview at={fixed} version={version} onChange={(patch) => change.mutate(patch)} />
          )}
          {tab === 'files' && <VersionFiles at={fixed} version={version} file={file} />}
          {tab === 'metadata' && <VersionMetadata version={version} />}
          {tab === 'diff' && <VersionDiff at={fixed} version={version} />}
          {tab === 'uses' && <VersionUses at={fixed} />}
          {tab === 'lineage' && <VersionLineage at={fixed} />}
        </Suspense>
      </Boundary>
    </div>
  )
}

function VersionHead({ at, type, version }: { at: VersionRef; type: string; version: VersionDetail }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const move = useAliases(at)
  const list = useInfiniteQuery(
    versionsQuery({ entity: at.entity, project: at.project, collection: at.collection }),
  )
  const others = useMemo(() => {
    const rows = list.data?.pages.flatMap((page) => page.items) ?? []
    return new Map(
      rows
        .filter((row) => row.version !== version.version)
        .flatMap((row) => row.aliases.map((alias) => [alias, row.version] as const)),
    )
  }, [list.data, version.version])
  const name = `${at.entity}/${at.project}/${at.collection}:${version.version}`
  const remove = async (): Promise<void> => {
    const project = { entity: at.entity, project: at.project }
    const chosen = { collection: at.collection, versions: [version.id] }
    const refresh = (): void => {
      void client.invalidateQueries({ queryKey: ['artifacts'] })
      void client.invalidateQueries({ queryKey: ['storage'] })
    }
    try {
      await deleteVersions(project, { ...chosen, with_aliases: true }, false)
      await navigate({
        to: '/$entity/$project/artifacts/$',
        params: { ...project, _splat: artifactSplat({ type, collection: at.collection }) },
      })
      refresh()
      showToast(`${at.collection}:${version.version} went to the trash`, {
        action: { label: 'Undo', run: () => void undeleteVersions(project, chosen).then(refresh) },
      })
    } catch (error) {
      showToast(`Not deleted: ${error instanceof Error ? error.message : String(error)}`, { failed: true })
    }
  }
  return (
    <header className="version-head">
      <Link
        to="/$entity/$project/artifacts/$"
        params={{
          entity: at.entity,
          project: at.project,
          _splat: artifactSplat({ type, collection: at.collection }),
        }}
        className="version-back icon-button"
        aria-label="Back to the lists"
      >
        <Icon name="arrowLeft" />
      </Link>
      <h1 aria-label={`${at.collection}:${version.version}`}>
        <Name>{at.collection}</Name>
        <span className="version-colon">:{version.version}</span>
      </h1>
      <Copy text={name} label="Copy the full name" small />
      <AliasChips
        version={version.version}
        aliases={version.aliases}
        others={others}
        editable
        onMove={(one) => void move(one)}
      />
      <span className="topbar-space" />
      {version.is_link && (
        <span className="faint">
          link to{' '}
          <Link
            to="/$entity/$project/artifacts/$"
            params={{
              entity: version.source.entity,
              project: version.source.project,
              _splat: artifactSplat({
                type: version.type,
                collection: version.source.collection,
                version: version.source.version,
              }),
            }}
          >
            <bdi>
              {version.source.entity}/{version.source.project}/{version.source.collection}:
              {version.source.version}
            </bdi>
          </Link>
        </span>
      )}
      <Menu
        icon="more"
        label="More"
        items={[
          {
            label: 'Lineage on the whole page',
            onSelect: () =>
              void navigate({
                to: '/$entity/$project/lineage',
                params: { entity: at.entity, project: at.project },
                search: { at: `artifact:${at.collection}:${version.version}` },
              }),
          },
          ...(version.is_link
            ? []
            : [{ label: `Delete ${version.version}`, danger: true, onSelect: () => void remove() }]),
        ]}
      />
    </header>
  )
}
