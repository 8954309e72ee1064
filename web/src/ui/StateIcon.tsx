import type { RunState } from '../core/types'

const SIGNS: Record<RunState, { sign: string; tone: string }> = {
  running: { sign: '▶', tone: 'info' },
  finished: { sign: '✓', tone: 'quiet' },
  failed: { sign: '✕', tone: 'err' },
  crashed: { sign: '⚡', tone: 'err' },
  stale: { sign: '◔', tone: 'warn' },
  preempting: { sign: '⏸', tone: 'warn' },
  preempted: { sign: '⏸', tone: 'warn' },
  killed: { sign: '■', tone: 'plain' },
  pending: { sign: '○', tone: 'quiet' },
}

const LABELS: Record<RunState, string> = {
  running: 'running',
  finished: 'finished',
  failed: 'failed',
  crashed: 'crashed',
  stale: 'no heartbeat',
  preempting: 'being preempted',
  preempted: 'preempted',
  killed: 'killed',
  pending: 'queued',
}

/** A state is a sign and a word, never a colour alone. */
export function StateIcon({ state, word = false }: { state: RunState; word?: boolean }) {
  // A newer server may know states that this page does not.
  const { sign, tone } = SIGNS[state] as (typeof SIGNS)[RunState] | undefined ?? { sign: '?', tone: 'plain' }
  const label = (LABELS[state] as string | undefined) ?? state
  return (
    <span className={`state is-${tone}`} title={label} {...(word ? {} : { role: 'img', 'aria-label': label })}>
      <span className="state-sign" aria-hidden="true">
        {sign}
      </span>
      {word && <span>{label}</span>}
    </span>
  )
}
