/** Choosing a key of the runs: a field, a metric's summary, or a config key of the first run. */

import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { runQuery } from '../../api/queries'
import { decodeLoggedMap } from '../../core/exact'
import { flatten } from '../../core/flatten'
import type { Metric, Run } from '../../core/types'
import { KeyPicker, type KeyGroup } from '../../ui/KeyPicker'

interface RunKeyPickerProps {
  /** Shown before the keys of the runs. */
  first: KeyGroup
  sample: Run | undefined
  metrics: readonly Metric[]
  current: string
  onPick: (key: string) => void
  onDone: () => void
}

export function RunKeyPicker({ first, sample, metrics, current, onPick, onDone }: RunKeyPickerProps) {
  const { entity = '', project = '', id = '' } = sample ?? {}
  const run = useQuery({
    ...runQuery({ entity, project, run: id }),
    enabled: sample !== undefined,
    staleTime: 60_000,
  })
  const groups = useMemo(() => {
    const config = run.data ? flatten(decodeLoggedMap(run.data.config)) : []
    return [
      first,
      { title: 'Summary', keys: metrics.map(({ name }) => ({ key: `summary.${name}`, label: name })) },
      { title: 'Config', keys: config.map(({ key }) => ({ key: `config.${key}`, label: key })) },
    ]
  }, [first, metrics, run.data])
  return <KeyPicker groups={groups} current={current} onPick={onPick} onDone={onDone} />
}
