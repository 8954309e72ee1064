/** One panel on the whole window; `[` and `]` go to the neighbours, `Esc` back. */

import { useEffect, useRef } from 'react'
import { IconButton } from '../ui/Button'
import { Name } from '../ui/Text'
import type { PanelContext } from './context'
import { Panel } from './Panel'

interface FullScreenPanelProps {
  metric: string
  metrics: readonly string[]
  context: PanelContext
}

export function FullScreenPanel({ metric, metrics, context }: FullScreenPanelProps) {
  const { setView, zoom } = context
  const frame = useRef<HTMLDivElement>(null)
  const index = metrics.indexOf(metric)
  const go = (way: 1 | -1): void => {
    const next = metrics[(index + way + metrics.length) % metrics.length]
    if (next !== undefined) setView({ panel: next }, 'replace')
  }
  const close = (): void => setView({ panel: null })
  useEffect(() => {
    const before = document.activeElement
    frame.current?.focus()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])

  return (
    <div
      ref={frame}
      className="full-screen"
      role="dialog"
      aria-modal="true"
      aria-label={metric}
      tabIndex={-1}
      onKeyDown={(event) => {
        event.stopPropagation()
        if (event.key === 'Escape') close()
        if (event.key === '[') go(-1)
        if (event.key === ']') go(1)
        if (event.key === '0') zoom.reset()
      }}
    >
      <header className="full-screen-head">
        <h2>
          <Name>{metric}</Name>
        </h2>
        <span className="faint">
          <kbd>[</kbd> <kbd>]</kbd> other panels · <kbd>0</kbd> reset zoom · <kbd>Esc</kbd> back
        </span>
        <IconButton icon="close" label="Close (Esc)" onClick={close} />
      </header>
      <Panel key={metric} metric={metric} title={metric} context={context} large />
    </div>
  )
}
