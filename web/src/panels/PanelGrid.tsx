/** Panels in collapsible sections by metric prefix, sized so that nine fit the first screen. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { fitPanels, titleInSection, toSections, type Section } from '../core/sections'
import { Icon } from '../ui/Icon'
import { Name } from '../ui/Text'
import { formatNumber } from '../core/format'
import { Button } from '../ui/Button'
import type { PanelContext } from './context'
import { Panel } from './Panel'
import type { Catalogue } from './useCatalogue'

interface PanelGridProps {
  catalogue: Catalogue
  context: PanelContext
  /** Sections closed by the user, by name. */
  closed: ReadonlySet<string>
  onToggle: (section: string) => void
}

const SECTION_HEADER = 32
const GAP = 8
/** A panel narrower than this shows too little. */
const PANEL_WIDTH = 330
/** The narrowest panel, where short sections would otherwise leave the screen half empty. */
const PANEL_MIN_WIDTH = 256
const MAX_COLUMNS = 4

export function PanelGrid({ catalogue, context, closed, onToggle }: PanelGridProps) {
  const { batches } = catalogue
  const grid = useRef<HTMLDivElement>(null)
  const [room, setRoom] = useState<{ width: number; height: number } | null>(null)
  // Sections of a page follow those of the page before: what is loaded later moves nothing that is there.
  const pages = useMemo(() => batches.map((names) => toSections(names)), [batches])
  const sections = useMemo(() => pages.flat(), [pages])

  useLayoutEffect(() => {
    const scroller = grid.current?.closest('[data-scroller]')
    if (!scroller) return
    const measure = (): void => setRoom({ width: scroller.clientWidth, height: scroller.clientHeight })
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(scroller)
    return () => observer.disconnect()
  }, [])

  const chosen = context.view.columns
  const fitting = (width: number): number =>
    Math.max(1, Math.min(MAX_COLUMNS, Math.floor((room?.width ?? 0) / width)))
  const open = sections.filter((section) => !closed.has(section.name))
  const { columns, height } = fitPanels(
    open.map((section) => section.metrics.length),
    {
      // The first row's top padding and closed sections take their share.
      height: (room?.height ?? 0) - GAP - (sections.length - open.length) * SECTION_HEADER,
      columns: chosen ?? fitting(PANEL_WIDTH),
      sectionHeader: SECTION_HEADER,
      gap: GAP,
    },
    chosen ?? fitting(PANEL_MIN_WIDTH),
  )
  return (
    <div
      ref={grid}
      className="panel-grid"
      style={{ '--grid-columns': columns, '--panel-now': `${height}px` } as React.CSSProperties}
    >
      {room &&
        pages.map((page, index) =>
          page.map((section) => (
            <SectionBlock
              key={`${index} ${section.name}`}
              section={section}
              open={!closed.has(section.name)}
              onToggle={() => onToggle(section.name)}
              context={context}
            />
          )),
        )}
      {room && !catalogue.complete && <MorePanels catalogue={catalogue} />}
    </div>
  )
}

/** What is not loaded, in words; scrolling here loads it, up to a bound. */
function MorePanels({ catalogue }: { catalogue: Catalogue }) {
  const { mayGrow, loadMore, items, total } = catalogue
  const mark = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const node = mark.current
    if (!node || !mayGrow) return
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting === true && loadMore(), {
      root: node.closest('[data-scroller]'),
      rootMargin: '100% 0px',
    })
    observer.observe(node)
    return () => observer.disconnect()
  }, [mayGrow, loadMore])
  if (items.length >= total) return null
  return (
    <div ref={mark} className="grid-more" role="status">
      <span>
        {formatNumber(items.length)} of {formatNumber(total)} metrics are loaded.
        {!mayGrow && ' Find the others by name: press f.'}
      </span>
      {!mayGrow && <Button onClick={loadMore}>Load the next 1,000</Button>}
    </div>
  )
}

interface SectionBlockProps {
  section: Section
  open: boolean
  onToggle: () => void
  context: PanelContext
}

function SectionBlock({ section, open, onToggle, context }: SectionBlockProps) {
  return (
    <section className="section" aria-label={section.name || 'Charts'}>
      <h2 className="section-title">
        <button type="button" className="section-head" aria-expanded={open} onClick={onToggle}>
          <Icon name={open ? 'chevronDown' : 'chevronRight'} size={12} />
          <Name className="section-name">{section.name === '' ? 'Charts' : section.name}</Name>
          <span className="faint">{section.metrics.length}</span>
        </button>
      </h2>
      {open && (
        <div className="section-panels">
          {section.metrics.map((metric) => (
            <Panel
              key={metric}
              metric={metric}
              title={titleInSection(metric, section.name)}
              context={context}
            />
          ))}
        </div>
      )}
    </section>
  )
}
