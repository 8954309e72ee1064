/** The lineage graph on the whole page, around whatever the address names. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo, useState } from 'react'
import { collectionsQuery } from '../../api/artifacts'
import { runsQuery } from '../../api/queries'
import { isAutomaticType } from '../../core/artifacts'
import { DEFAULT_SORT } from '../../core/view'
import { KeyPicker } from '../../ui/KeyPicker'
import { Popover } from '../../ui/Popover'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { useAddress, usePlace } from '../../ui/usePlace'
import { useSettled } from '../../ui/useSettled'
import { LineageView } from './LineageView'

const PAUSE_MS = 150

export function LineagePage() {
  const { entity = '', project = '' } = usePlace()
  const at = useMemo(() => ({ entity, project }), [entity, project])
  const search = useAddress()
  const query = useInfiniteQuery(collectionsQuery(at, null, ''))
  const collections = query.data?.pages[0]?.items ?? []
  const first = collections.find((found) => found.newest !== null && !isAutomaticType(found.type))
  const center = search['at'] ?? (first?.newest ? `artifact:${first.name}:${first.newest}` : undefined)

  useEffect(() => {
    document.title = `Lineage · ${project} · Kymograph`
  }, [project])

  if (center === undefined) {
    if (query.error) {
      return (
        <ErrorNote
          what="The artifacts could not be listed"
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      )
    }
    if (query.isPending) return <SkeletonRows rows={6} label="Loading" />
    return (
      <EmptyState title="No lineage yet">
        <p>
          It grows from runs that log artifacts, and that use them with <code>run.use_artifact(…)</code>.
        </p>
      </EmptyState>
    )
  }
  return <LineageView key={center} at={at} center={center} chooser={<Chooser center={center} />} />
}

function Chooser({ center }: { center: string }) {
  const { entity = '', project = '' } = usePlace()
  const navigate = useNavigate()
  const name = center.slice(center.indexOf(':') + 1)
  return (
    <Popover
      label="Around"
      className="lineage-chooser"
      content={(close) => (
        <Choices
          entity={entity}
          project={project}
          current={center}
          onPick={(next) => void navigate({ to: '.', search: { at: next } })}
          onDone={close}
        />
      )}
    >
      <span className="faint">Around</span>
      <bdi className="clip">{name}</bdi>
    </Popover>
  )
}

interface ChoicesProps {
  entity: string
  project: string
  current: string
  onPick: (center: string) => void
  onDone: () => void
}

function Choices({ entity, project, current, onPick, onDone }: ChoicesProps) {
  const at = { entity, project }
  const [find, setFind] = useState('')
  const asked = useSettled(find.trim(), PAUSE_MS)
  const collections = useInfiniteQuery(collectionsQuery(at, null, asked))
  const runs = useInfiniteQuery(runsQuery(at, { q: asked, sort: DEFAULT_SORT, columns: [] }))
  const artifacts = (collections.data?.pages[0]?.items ?? []).filter(({ newest }) => newest !== null)
  return (
    <KeyPicker
      groups={[
        {
          title: 'Artifacts',
          keys: artifacts.map(({ name, newest }) => ({
            key: `artifact:${name}:${newest ?? ''}`,
            label: `${name}:${newest ?? ''}`,
          })),
          total: collections.data?.pages[0]?.total ?? 0,
        },
        {
          title: 'Runs',
          keys: (runs.data?.pages[0]?.items ?? []).map(({ id, name }) => ({ key: `run:${id}`, label: name })),
          total: runs.data?.pages[0]?.total ?? 0,
        },
      ]}
      find={find}
      onFind={setFind}
      current={current}
      onPick={onPick}
      onDone={onDone}
    />
  )
}
