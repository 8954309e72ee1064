/** What a link shows, for whoever has it: the comparison and nothing around it. */

import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { sharedQuery } from '../../api/shares'
import { ApiError } from '../../api/http'
import { IconButton } from '../../ui/Button'
import { Boundary } from '../../ui/Boundary'
import { EmptyState, ErrorNote } from '../../ui/States'
import { Name } from '../../ui/Text'
import { cycleTheme } from '../../ui/theme'
import { useAddress, usePlace } from '../../ui/usePlace'
import { ComparedMedia } from './MediaPage'
import { Waiting } from './MediaStates'

export function SharedPage() {
  const { token = '' } = usePlace()
  const shared = useQuery(sharedQuery(token))
  const address = useAddress()
  const navigate = useNavigate()
  const view = shared.data?.view
  // It opens as it was when it was shared; from there on everybody looks around for themselves.
  const [begun, setBegun] = useState(Object.keys(address).length > 0)
  useEffect(() => {
    if (begun || view === undefined) return
    void navigate({ to: '.', search: () => view, replace: true }).then(() => setBegun(true))
  }, [begun, view, navigate])

  if (shared.error) {
    const closed = shared.error instanceof ApiError && shared.error.status === 404
    return (
      <div className="page-middle">
        {closed ? (
          <EmptyState title="This link does not open">
            <p>It was revoked or has expired, or a part of it is missing. Ask whoever sent it for another.</p>
          </EmptyState>
        ) : (
          <ErrorNote
            what="The comparison could not be opened"
            error={shared.error}
            onRetry={() => void shared.refetch()}
          />
        )}
      </div>
    )
  }
  if (!shared.data || !begun) return <Waiting />
  const { entity, project, expires_at: ends } = shared.data
  return (
    <div className="shell">
      <header className="topbar">
        <span className="topbar-brand">
          <img src="/assets/kymograph.svg" alt="" width={20} height={20} />
          Kymograph
        </span>
        <span className="crumbs">
          <Name>{entity}</Name>
          <span className="faint">/</span>
          <Name>{project}</Name>
        </span>
        <span className="topbar-space" />
        <span className="faint">
          Shared, read-only, until{' '}
          <time dateTime={ends} title={ends}>
            {new Date(ends).toLocaleDateString()}
          </time>
        </span>
        <IconButton icon="sun" label="Theme (t)" onClick={cycleTheme} />
      </header>
      <main id="main" className="shell-main" tabIndex={-1}>
        <Boundary what="This page">
          <ComparedMedia entity={entity} project={project} token={token} shared={shared.data} />
        </Boundary>
      </main>
    </div>
  )
}
