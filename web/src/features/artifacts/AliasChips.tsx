/** Aliases of a version: drag one onto another version, take it away, or add one. */

import { useId, useState } from 'react'
import { Name } from '../../ui/Text'
import type { AliasMove } from './useAliases'

export const LATEST = 'latest'
/** What a dragged alias travels as, so that nothing else can be dropped on a version. */
export const ALIAS_TYPE = 'application/x-kymograph-alias'

interface AliasChipsProps {
  version: string
  aliases: readonly string[]
  onMove: (move: AliasMove) => void
  /** Show buttons to take away and to add. */
  editable?: boolean
  /** Aliases of the collection, to choose from, with the versions that have them. */
  others?: ReadonlyMap<string, string>
}

export function AliasChips({ version, aliases, onMove, editable = false, others }: AliasChipsProps) {
  const [draft, setDraft] = useState<string | null>(null)
  const list = useId()
  const add = (): void => {
    const alias = draft?.trim() ?? ''
    setDraft(null)
    if (alias !== '' && !aliases.includes(alias))
      onMove({ alias, from: others?.get(alias) ?? null, to: version })
  }
  return (
    <span className="aliases">
      {aliases.map((alias) => (
        <span
          key={alias}
          className={`chip is-alias ${alias === LATEST ? 'is-latest' : ''}`}
          draggable={alias !== LATEST}
          title={
            alias === LATEST ? 'latest: follows each new version' : `${alias}: drag onto another version`
          }
          onDragStart={(event) => {
            event.dataTransfer.setData(ALIAS_TYPE, JSON.stringify({ alias, from: version }))
            event.dataTransfer.effectAllowed = 'move'
          }}
        >
          {alias === LATEST && <span className="latest-dot" aria-hidden="true" />}
          <Name>{alias}</Name>
          {editable && alias !== LATEST && (
            <button
              type="button"
              aria-label={`Remove alias ${alias}`}
              onClick={() => onMove({ alias, from: version, to: null })}
            >
              ×
            </button>
          )}
        </span>
      ))}
      {editable &&
        (draft === null ? (
          <button type="button" className="chip is-add" title="Add an alias" onClick={() => setDraft('')}>
            + alias
          </button>
        ) : (
          <>
            <input
              className="input is-tag"
              aria-label="New alias"
              list={list}
              autoFocus
              value={draft}
              onChange={(event) => setDraft(event.target.value)}
              onBlur={add}
              onKeyDown={(event) => {
                if (event.key === 'Enter') add()
                if (event.key === 'Escape') setDraft(null)
              }}
            />
            <datalist id={list}>
              {[...(others ?? [])].map(([alias, holder]) => (
                <option key={alias} value={alias} label={`moves here from ${holder}`} />
              ))}
            </datalist>
          </>
        ))}
    </span>
  )
}

/** The alias in a drag, null when it is something else. */
export function draggedAlias(transfer: DataTransfer): { alias: string; from: string } | null {
  try {
    const value: unknown = JSON.parse(transfer.getData(ALIAS_TYPE))
    if (typeof value !== 'object' || value === null || !('alias' in value) || !('from' in value)) return null
    return typeof value.alias === 'string' && typeof value.from === 'string'
      ? { alias: value.alias, from: value.from }
      : null
  } catch {
    return null
  }
}
