/** Makes a link to what the page shows, and lists those that still open. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { axisOf, type MediaSelection } from '../../api/comparison'
import type { ProjectRef } from '../../api/queries'
import { createShare, revokeShare, sharesQuery, type Share } from '../../api/shares'
import { encodeComparison, type ComparisonView } from '../../core/comparison'
import { plural } from '../../core/format'
import { visibleControls } from '../../core/text'
import { Button } from '../../ui/Button'
import { Copy } from '../../ui/Copy'
import { Dialog } from '../../ui/Dialog'
import { ErrorNote } from '../../ui/States'

interface ShareDialogProps {
  at: ProjectRef
  view: ComparisonView
  selection: MediaSelection
  onClose: () => void
}

const LENGTHS: readonly (readonly [days: number, words: string])[] = [
  [1, '1 day'],
  [7, '7 days'],
  [30, '30 days'],
  [90, '90 days'],
  [365, '1 year'],
]
const STANDARD_DAYS = 30
const MOST_NAMED = 5

export function ShareDialog({ at, view, selection, onClose }: ShareDialogProps) {
  const client = useQueryClient()
  const [days, setDays] = useState(STANDARD_DAYS)
  const shares = useQuery(sharesQuery(at))
  const refresh = (): void => void client.invalidateQueries({ queryKey: ['shares', at] })
  const make = useMutation({
    mutationFn: () => {
      const { runs, metrics, x } = selection
      // Which runs and media is the link's own; the address says how they are shown.
      const how = encodeComparison({ ...view, runs: null, keys: null })
      return createShare(at, { run_ids: [...runs], metrics: [...metrics], x: axisOf(x), view: how }, days)
    },
    onSuccess: refresh,
  })
  const revoke = useMutation({ mutationFn: revokeShare, onSettled: refresh })
  const problem = make.error ?? revoke.error
  return (
    <Dialog title="Share this comparison" onClose={onClose} wide>
      <p>
        Whoever has the link sees <bdi>{namesOf(selection.metrics)}</bdi> of{' '}
        {plural(selection.runs.length, 'run')}, without an account, and nothing else of the project.
      </p>
      {make.data ? (
        <>
          <div className="secret share-link">
            <code data-testid="share-url">{make.data.url}</code>
            <Copy text={make.data.url} label="Copy link" />
          </div>
          <p className="faint">It is shown once: the server keeps only a fingerprint of it.</p>
        </>
      ) : (
        <div className="share-make">
          <label>
            Opens for{' '}
            <select className="input" value={days} onChange={(event) => setDays(Number(event.target.value))}>
              {LENGTHS.map(([length, words]) => (
                <option key={length} value={length}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          <Button look="primary" disabled={make.isPending} onClick={() => make.mutate()}>
            Make a link
          </Button>
        </div>
      )}
      {problem && (
        <p className="is-err" role="alert">
          {problem.message}
        </p>
      )}
      {shares.error && <ErrorNote what="The links could not be listed" error={shares.error} />}
      {shares.data && shares.data.items.length > 0 && (
        <section className="share-list" aria-label="Links that open">
          <h3>Links that open</h3>
          <ul>
            {shares.data.items.map((share) => (
              <ShareLine
                key={share.id}
                share={share}
                isNew={share.id === make.data?.id}
                onRevoke={() => {
                  if (share.id === make.data?.id) make.reset()
                  revoke.mutate(share.id)
                }}
              />
            ))}
          </ul>
        </section>
      )}
    </Dialog>
  )
}

function ShareLine({ share, isNew, onRevoke }: { share: Share; isNew: boolean; onRevoke: () => void }) {
  return (
    <li>
      <span className="clip" title={`${share.run_ids.join(', ')} · ${share.metrics.join(', ')}`}>
        {isNew && <strong>new · </strong>}
        {plural(share.run_ids.length, 'run')} · <bdi>{namesOf(share.metrics)}</bdi>
      </span>
      <span className="faint">
        by <bdi>{share.user}</bdi>, until{' '}
        <time dateTime={share.expires_at} title={share.expires_at}>
          {new Date(share.expires_at).toLocaleDateString()}
        </time>
      </span>
      <Button onClick={onRevoke}>Revoke</Button>
    </li>
  )
}

function namesOf(metrics: readonly string[]): string {
  const more = metrics.length - MOST_NAMED
  const named = visibleControls(metrics.slice(0, MOST_NAMED).join(', '))
  return more > 0 ? `${named} and ${more} more` : named
}
