/** Deletes versions by a rule: says first what would go, then does it; the trash keeps them for a while. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { artifactTypesQuery, deleteVersions } from '../../api/artifacts'
import type { ProjectRef } from '../../api/queries'
import type { CleanUp, Freed } from '../../core/artifacts'
import { cleanUpOf, cleanUpWords, type CleanUpRule } from '../../core/cleanUp'
import { formatBytes, formatNumber, plural } from '../../core/format'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { showToast } from '../../ui/toasts'
import { useSettled } from '../../ui/useSettled'

interface CleanUpDialogProps {
  at: ProjectRef
  collection?: string
  onClose: () => void
}

const PAUSE_MS = 250
const START: CleanUpRule = { type: '', keepLast: 3, olderThanDays: null, withAliases: false, expired: false }

export function CleanUpDialog({ at, collection, onClose }: CleanUpDialogProps) {
  const client = useQueryClient()
  const types = useQuery(artifactTypesQuery(at))
  const [rule, setRule] = useState<CleanUpRule>(START)
  const settled = useSettled(rule, PAUSE_MS)
  // The moment is taken when the rule is: what was shown is what goes.
  const preview = useQuery({
    queryKey: ['storage', at, 'clean-up', collection ?? null, settled],
    queryFn: async (): Promise<{ wanted: CleanUp; freed: Freed }> => {
      const wanted = cleanUpOf(settled, collection, Date.now())
      return { wanted, freed: await deleteVersions(at, wanted, true) }
    },
    staleTime: 0,
    gcTime: 0,
  })
  const remove = useMutation({
    mutationFn: (wanted: CleanUp) => deleteVersions(at, wanted, false),
    onSuccess: (freed) => {
      void client.invalidateQueries({ queryKey: ['storage'] })
      void client.invalidateQueries({ queryKey: ['artifacts'] })
      showToast(`${plural(freed.versions, 'version')} went to the trash, ${formatBytes(freed.size_bytes)}`)
      onClose()
    },
  })
  const change = (part: Partial<CleanUpRule>): void => setRule({ ...rule, ...part })
  const found = settled === rule ? preview.data : undefined
  const problem = remove.error ?? preview.error
  return (
    <Dialog
      title={collection === undefined ? 'Clean up artifacts' : `Clean up ${collection}`}
      onClose={onClose}
    >
      <div className="clean-up">
        {collection === undefined && (
          <label>
            <span>Type</span>
            <select
              className="input"
              value={rule.type}
              onChange={(event) => change({ type: event.target.value })}
            >
              <option value="">all types</option>
              {types.data?.items.map(({ name, versions }) => (
                <option key={name} value={name}>
                  {name} ({formatNumber(versions)})
                </option>
              ))}
            </select>
          </label>
        )}
        <label>
          <span>Keep the newest</span>
          <span>
            <input
              className="input is-number"
              type="number"
              min={0}
              max={1_000_000}
              value={rule.keepLast}
              onChange={(event) => change({ keepLast: wholeNumber(event.target.value) ?? 0 })}
            />{' '}
            of each collection
          </span>
        </label>
        <label>
          <span>Only older than</span>
          <span>
            <input
              className="input is-number"
              type="number"
              min={0}
              placeholder="any"
              value={rule.olderThanDays ?? ''}
              onChange={(event) => change({ olderThanDays: wholeNumber(event.target.value) })}
            />{' '}
            days
          </span>
        </label>
        <label className="is-check">
          <input
            type="checkbox"
            checked={rule.expired}
            onChange={(event) => change({ expired: event.target.checked })}
          />
          Only those whose time to live is over
        </label>
        <label className="is-check">
          <input
            type="checkbox"
            checked={rule.withAliases}
            onChange={(event) => change({ withAliases: event.target.checked })}
          />
          Also those with an alias, like <code>latest</code> or <code>prod</code>
        </label>
        <p className="faint">{cleanUpWords(rule)}</p>
        <div className="clean-up-result" role="status" aria-live="polite" data-testid="dry-run">
          {found ? (
            found.freed.versions === 0 ? (
              'Nothing would go.'
            ) : (
              <>
                <strong>{plural(found.freed.versions, 'version')}</strong> would go, which frees{' '}
                <strong title={`${formatNumber(found.freed.size_bytes)} bytes`}>
                  {formatBytes(found.freed.size_bytes)}
                </strong>{' '}
                in {plural(found.freed.objects, 'stored file')} once the trash is emptied.
              </>
            )
          ) : problem ? (
            ''
          ) : (
            'Looking …'
          )}
        </div>
        {problem && (
          <p className="is-err" role="alert">
            {problem.message}
          </p>
        )}
      </div>
      <div className="dialog-actions">
        <span className="faint">They can come back from the trash.</span>
        <span className="topbar-space" />
        <Button onClick={onClose}>Cancel</Button>
        <Button
          look="primary"
          disabled={!found || found.freed.versions === 0 || remove.isPending}
          onClick={() => found && remove.mutate(found.wanted)}
        >
          {found && found.freed.versions > 0 ? `Delete ${plural(found.freed.versions, 'version')}` : 'Delete'}
        </Button>
      </div>
    </Dialog>
  )
}

function wholeNumber(text: string): number | null {
  const value = Number(text)
  return text !== '' && Number.isInteger(value) && value >= 0 ? value : null
}
