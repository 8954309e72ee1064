/** Aliases move at once on the page; a failure puts them back and says why, and every move can be undone. */

import { useQueryClient, type InfiniteData } from '@tanstack/react-query'
import { useCallback } from 'react'
import { changeVersion, versionsQuery, type CollectionRef } from '../../api/artifacts'
import type { ArtifactVersion, VersionDetail } from '../../core/artifacts'
import type { Page } from '../../core/types'
import { showToast } from '../../ui/toasts'

type Versions = InfiniteData<Page<ArtifactVersion>>

export interface AliasMove {
  alias: string
  /** The version that had it, null for none. */
  from: string | null
  /** The version that gets it, null to take it away. */
  to: string | null
}

export function useAliases(at: CollectionRef): (move: AliasMove) => Promise<void> {
  const client = useQueryClient()
  const { entity, project, collection } = at
  return useCallback(
    async function apply(move: AliasMove, undone = false): Promise<void> {
      const { alias, from, to } = move
      const target = to ?? from
      if (target === null || from === to) return
      const place = { entity, project, collection }
      const listKey = versionsQuery(place).queryKey
      await client.cancelQueries({ queryKey: listKey })
      const list = client.getQueryData<Versions>(listKey)
      const details = client.getQueriesData<VersionDetail>({ queryKey: ['artifacts', 'version'] })
      const isHere = (version: ArtifactVersion): boolean =>
        version.entity === entity && version.project === project && version.collection === collection
      if (list) client.setQueryData<Versions>(listKey, withMove(list, move))
      for (const [key, detail] of details) {
        if (detail && isHere(detail))
          client.setQueryData(key, { ...detail, aliases: aliasesAfter(detail, move) })
      }
      try {
        await changeVersion(
          { ...place, version: target },
          to === null ? { remove_aliases: [alias] } : { add_aliases: [alias] },
        )
        const path = `${from ?? 'none'} → ${to ?? 'none'}`
        if (!undone) {
          showToast(`${alias}: ${path}`, {
            action: { label: 'Undo', run: () => void apply({ alias, from: to, to: from }, true) },
          })
        }
      } catch (error) {
        client.setQueryData(listKey, list)
        for (const [key, detail] of details) client.setQueryData(key, detail)
        showToast(`${alias} was not changed: ${error instanceof Error ? error.message : String(error)}`, {
          failed: true,
        })
      }
      // The address may name the alias, which now means another version.
      await client.invalidateQueries({ queryKey: ['artifacts', 'version'] })
      await client.invalidateQueries({ queryKey: listKey })
    },
    [client, entity, project, collection],
  )
}

function withMove(list: Versions, move: AliasMove): Versions {
  return {
    ...list,
    pages: list.pages.map((page) => ({
      ...page,
      items: page.items.map((version) => ({ ...version, aliases: aliasesAfter(version, move) })),
    })),
  }
}

function aliasesAfter(version: ArtifactVersion, { alias, to }: AliasMove): string[] {
  const others = version.aliases.filter((other) => other !== alias)
  return version.version === to
    ? [...others, alias].sort()
    : others.length < version.aliases.length
      ? others
      : version.aliases
}
