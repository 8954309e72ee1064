/** Choosing a key of the runs: a field, a metric's summary, or a config key of the first run. */

import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { runQuery, type ProjectRef } from '../../api/queries'
import { decodeLoggedMap } from '../../core/exact'
import { flatten } from '../../core/flatten'
import type { Run } from '../../core/types'
import { useCatalogue } from '../../panels/useCatalogue'
import { KeyPicker, type KeyGroup } from '../../ui/KeyPicker'
import { useSettled } from '../../ui/useSettled'

const TYPING_MS = 150

interface RunKeyPickerProps {
  /** Shown before the keys of the runs. */
  first: KeyGroup
  sample: Run | undefined
  at: ProjectRef
  current: string
  onPick: (key: string) => void
  onDone: () => void
}

export function RunKeyPicker({ first, sample, at, current, onPick, onDone }: RunKeyPickerProps) {
  const [find, setFind] = useState('')
  const run = useQuery({
    ...runQuery({ ...at, run: sample?.id ?? '' }),
    enabled: sample !== undefined,
    staleTime: 60_000,
  })
  const source = useMemo(() => ({ kind: 'project' as const, at }), [at])
  const catalogue = useCatalogue(source, useSettled(find, TYPING_MS))
  const groups = useMemo(() => {
    const config = run.data ? flatten(decodeLoggedMap(run.data.config)) : []
    const summary = catalogue.items.map(({ name }) => ({ key: `summary.${name}`, label: name }))
    return [
      first,
      { title: 'Summary', keys: summary, total: catalogue.total },
      { title: 'Config', keys: config.map(({ key }) => ({ key: `config.${key}`, label: key })) },
    ]
  }, [first, catalogue.items, catalogue.total, run.data])
  return (
    <KeyPicker
      groups={groups}
      find={find}
      onFind={setFind}
      current={current}
      onPick={onPick}
      onDone={onDone}
    />
  )
}
