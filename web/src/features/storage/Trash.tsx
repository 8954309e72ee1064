/** Deleted versions, by collection: take them back, or give them up for good. */

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import {
  purgeVersions,
  storedCollectionsQuery,
  trashedVersionsQuery,
  undeleteVersions,
} from '../../api/artifacts'
import type { ProjectRef } from '../../api/queries'
import type { CollectionStorage, ProjectStorage, Purged } from '../../core/artifacts'
import { formatBytes, formatNumber, plural } from '../../core/format'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Icon } from '../../ui/Icon'
import { ErrorNote, SkeletonRows } from '../../ui/States'
import { Name } from '../../ui/Text'
import { showToast } from '../../ui/toasts'

export function Trash({ at, storage }: { at: ProjectRef; storage: ProjectStorage }) {
  const query = useInfiniteQuery(storedCollectionsQuery(at, 'own'))
  const [asked, setAsked] = useState(false)
  const rows = (query.data?.pages.flatMap((page) => page.items) ?? []).filter(
    (row) => row.trashed_versions > 0,
  )
  return (
    <section aria-label="Trash">
      <div className="page-head">
        <h2>Trash</h2>
        <span className="faint">
          {storage.trashed_versions === 0
            ? 'empty'
            : `${plural(storage.trashed_versions, 'version')} · ${formatBytes(storage.trashed_bytes)}`}
        </span>
        <span className="topbar-space" />
        {storage.trashed_versions > 0 && <Button onClick={() => setAsked(true)}>Empty the trash …</Button>}
      </div>
      {rows.map((row) => (
        <TrashedCollection key={row.name} at={at} row={row} />
      ))}
      {storage.trashed_versions > 0 && rows.length === 0 && !query.isPending && (
        <p className="faint">
          They went with their collections, or belong to collections that are not listed above; both come back
          through the REST API.
        </p>
      )}
      {asked && <PurgeDialog at={at} onClose={() => setAsked(false)} />}
    </section>
  )
}

function useRefresh(): () => void {
  const client = useQueryClient()
  return () => {
    void client.invalidateQueries({ queryKey: ['storage'] })
    void client.invalidateQueries({ queryKey: ['artifacts'] })
  }
}

function TrashedCollection({ at, row }: { at: ProjectRef; row: CollectionStorage }) {
  const [open, setOpen] = useState(false)
  const refresh = useRefresh()
  const restore = useMutation({
    mutationFn: (wanted: { collection?: string; versions?: string[] }) => undeleteVersions(at, wanted),
    onSuccess: (freed) => {
      refresh()
      showToast(`${plural(freed.versions, 'version')} of ${row.name} came back`)
    },
    onError: (error) => showToast(`Not restored: ${error.message}`, { failed: true }),
  })
  return (
    <div className="trash-row card">
      <div className="trash-head">
        <button type="button" className="trash-open" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name={open ? 'chevronDown' : 'chevronRight'} size={12} />
          <Name>{row.name}</Name>
          <span className="faint">{plural(row.trashed_versions, 'version')}</span>
        </button>
        <Button disabled={restore.isPending} onClick={() => restore.mutate({ collection: row.name })}>
          Take all back
        </Button>
      </div>
      {open && (
        <TrashedVersions
          at={at}
          collection={row.name}
          onRestore={(version) => restore.mutate({ collection: row.name, versions: [version] })}
        />
      )}
    </div>
  )
}

interface TrashedVersionsProps {
  at: ProjectRef
  collection: string
  onRestore: (version: string) => void
}

function TrashedVersions({ at, collection, onRestore }: TrashedVersionsProps) {
  const query = useInfiniteQuery(trashedVersionsQuery({ ...at, collection }))
  const rows = query.data?.pages.flatMap((page) => page.items) ?? []
  const total = query.data?.pages[0]?.total ?? 0
  if (query.error) {
    return (
      <ErrorNote
        what="The trash could not be listed"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (query.isPending) return <SkeletonRows rows={3} label="Loading the trash" />
  return (
    <>
      <table className="table is-dense is-plain" aria-label={`Deleted versions of ${collection}`}>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row">{row.version}</th>
              <td>{plural(row.file_count, 'file')}</td>
              <td className="is-number">{formatBytes(row.size_bytes)}</td>
              <td>
                deleted <Ago iso={row.deleted_at} />
              </td>
              <td className="is-number">
                <Button className="is-bare" onClick={() => onRestore(row.id)}>
                  Take back
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more ({formatNumber(total - rows.length)} left)
        </Button>
      )}
    </>
  )
}

/** What cannot be undone is typed. */
function PurgeDialog({ at, onClose }: { at: ProjectRef; onClose: () => void }) {
  const [typed, setTyped] = useState('')
  const refresh = useRefresh()
  const look = useQuery({
    queryKey: ['storage', at, 'purge'],
    queryFn: (): Promise<Purged> => purgeVersions(at, true),
    staleTime: 0,
    gcTime: 0,
  })
  const purge = useMutation({
    mutationFn: () => purgeVersions(at, false),
    onSuccess: (done) => {
      refresh()
      showToast(`${plural(done.purged, 'version')} went for good, ${formatBytes(done.size_bytes)} are free`)
      onClose()
    },
  })
  const problem = purge.error ?? look.error
  return (
    <Dialog title="Empty the trash?" onClose={onClose}>
      <p role="status">
        {look.data ? (
          <>
            <strong>{plural(look.data.purged, 'version')}</strong> go for good, which frees{' '}
            <strong>{formatBytes(look.data.size_bytes)}</strong>. Versions that runs of other projects use, or
            that are linked elsewhere, stay.
          </>
        ) : problem ? null : (
          'Looking …'
        )}
      </p>
      <label className="purge-name">
        <span>
          Type <strong>{at.project}</strong> to go on
        </span>
        <input
          className="input"
          value={typed}
          autoComplete="off"
          onChange={(event) => setTyped(event.target.value)}
        />
      </label>
      {problem && (
        <p className="is-err" role="alert">
          {problem.message}
        </p>
      )}
      <div className="dialog-actions">
        <Button onClick={onClose}>Keep</Button>
        <Button
          look="primary"
          disabled={typed !== at.project || !look.data || look.data.purged === 0 || purge.isPending}
          onClick={() => purge.mutate()}
        >
          Delete for good
        </Button>
      </div>
    </Dialog>
  )
}
