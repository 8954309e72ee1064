/** One metric of all shown runs on a card; far from the screen it is only a frame of the same size. */

import { memo, useRef } from 'react'
import { Boundary } from '../ui/Boundary'
import { Name } from '../ui/Text'
import type { PanelContext } from './context'
import { PanelContent } from './PanelContent'
import { useProximity } from './useProximity'

interface PanelProps {
  metric: string
  title: string
  context: PanelContext
  /** On a page of its own: always near, and without the full-screen button. */
  large?: boolean
}

export const Panel = memo(function Panel({ metric, title, context, large = false }: PanelProps) {
  const card = useRef<HTMLElement>(null)
  const near = useProximity(card, large)
  // Behind a panel on the whole window nothing is seen: no data, no canvas.
  const proximity = !large && context.view.panel !== null ? 'far' : near
  return (
    <article
      ref={card}
      className={`panel ${large ? 'is-large' : ''}`}
      aria-label={metric}
      data-testid="panel"
      data-metric={metric}
    >
      {proximity === 'far' ? (
        <header className="panel-head">
          <h3 className="panel-title">
            <Name>{title}</Name>
          </h3>
        </header>
      ) : (
        <Boundary what={`The panel ${title}`}>
          <PanelContent
            metric={metric}
            title={title}
            context={context}
            large={large}
            proximity={proximity}
            card={card}
          />
        </Boundary>
      )}
    </article>
  )
})
