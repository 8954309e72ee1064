import type { RunState } from '../core/types'

const SIGNS: ReadonlyMap<RunState, { sign: string; tone: string }> = new Map(
  Object.entries({
    running: { sign: '▶', tone: 'info' },
    finished: { sign: '✓', tone: 'quiet' },
    failed: { sign: '✕', tone: 'err' },
    crashed: { sign: '⚡', tone: 'err' },
    stale: { sign: '◔', tone: 'warn' },
    preempting: { sign: '⏸', tone: 'warn' },
    preempted: { sign: '⏸', tone: 'warn' },
    killed: { sign: '■', tone: 'plain' },
    pending: { sign: '○', tone: 'quiet' },
  } satisfies Record<RunState, { sign: string; tone: string }>) as [
    RunState,
    { sign: string; tone: string },
  ][],
)

const LABELS: ReadonlyMap<RunState, string> = new Map(
  Object.entries({
    running: 'running',
    finished: 'finished',
    failed: 'failed',
    crashed: 'crashed',
    stale: 'no heartbeat',
    preempting: 'being preempted',
    preempted: 'preempted',
    killed: 'killed',
    pending: 'queued',
  } satisfies Record<RunState, string>) as [RunState, string][],
)

/** A state is a sign and a word, never a colour alone. */
export function StateIcon({ state, word = false }: { state: RunState; word?: boolean }) {
  // A newer server may know states that this page does not.
  const { sign, tone } = SIGNS.get(state) ?? { sign: '?', tone: 'plain' }
  const label = LABELS.get(state) ?? state
  return (
    <span
      className={`state is-${tone}`}
      title={label}
      {...(word ? {} : { role: 'img', 'aria-label': label })}
    >
      <span className="state-sign" aria-hidden="true">
        {sign}
      </span>
      {word && <span>{label}</span>}
    </span>
  )
}
