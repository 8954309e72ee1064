/** A run as a link: its colour, its name, and its state unless that is the usual one. */

import { Link } from '@tanstack/react-router'
import type { RunLink } from '../core/artifacts'
import type { RunState } from '../core/types'
import { RunDot } from '../ui/RunDot'
import { StateIcon } from '../ui/StateIcon'
import { Name } from '../ui/Text'

export function RunName({ run }: { run: RunLink }) {
  return (
    <Link
      to="/$entity/$project/runs/$run"
      params={{ entity: run.entity, project: run.project, run: run.id }}
      className="run-name is-link"
    >
      <RunDot color={run.color} />
      <Name>{run.name}</Name>
      {run.state !== 'finished' && <StateIcon state={run.state as RunState} />}
    </Link>
  )
}
