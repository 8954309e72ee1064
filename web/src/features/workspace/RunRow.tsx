import { memo, useEffect, useRef } from 'react'
import { Link } from '@tanstack/react-router'
import { onHighlight } from '../../charts/sync'
import { decodeLogged } from '../../core/exact'
import type { Run } from '../../core/types'
import { Icon } from '../../ui/Icon'
import { RunDot } from '../../ui/RunDot'
import { StateIcon } from '../../ui/StateIcon'
import { Name } from '../../ui/Text'
import { Value } from '../../ui/Value'

export interface RunRowProps {
  run: Run
  index: number
  top: number
  hidden: boolean
  selected: boolean
  focused: boolean
  /** Column whose value is shown, empty for none. */
  column: string
  onEye: (run: Run, only: boolean) => void
  onHover: (run: Run | null) => void
}

export const RunRow = memo(function RunRow(props: RunRowProps) {
  const { run, index, top, hidden, selected, focused, column, onEye, onHover } = props
  const row = useRef<HTMLDivElement>(null)

  // The highlight moves with the pointer over charts, so it bypasses rendering.
  useEffect(
    () => onHighlight((id) => row.current?.classList.toggle('is-highlighted', id === run.id)),
    [run.id],
  )

  const classes = [
    'run-row',
    hidden ? 'is-hidden' : '',
    selected ? 'is-selected' : '',
    focused ? 'is-focused' : '',
  ].join(' ')
  return (
    <div
      ref={row}
      role="row"
      aria-rowindex={index + 1}
      aria-selected={selected}
      className={classes}
      style={{ transform: `translateY(${top}px)` }}
      data-testid="run-row"
      data-run={run.id}
      onPointerEnter={() => onHover(run)}
      onPointerLeave={() => onHover(null)}
    >
      <span role="gridcell">
        <button
          type="button"
          className="run-eye"
          aria-label={`${hidden ? 'Show' : 'Hide'} ${run.name}`}
          aria-pressed={!hidden}
          title={hidden ? 'Show (v)' : 'Hide (v) · Alt-click: only this'}
          onClick={(event) => onEye(run, event.altKey)}
        >
          <Icon name={hidden ? 'eyeOff' : 'eye'} size={14} />
        </button>
      </span>
      <span role="gridcell" className="run-name">
        <RunDot color={run.color} />
        <Link
          to="/$entity/$project/runs/$run"
          params={{ entity: run.entity, project: run.project, run: run.id }}
          className="run-link"
          tabIndex={-1}
        >
          <Name>{run.name}</Name>
        </Link>
      </span>
      <span role="gridcell" className="run-value">
        {column !== '' && <Value value={valueOf(run, column)} />}
      </span>
      <span role="gridcell" className="run-state">
        {run.state !== 'finished' && <StateIcon state={run.state} />}
      </span>
    </div>
  )
})

function valueOf(run: Run, column: string) {
  return Object.hasOwn(run.values, column) ? decodeLogged(run.values[column]) : undefined
}
