/** What is special about a panel's data, as badges in its header: clipped, not finite, damaged. */

import { describeDamage, describeX } from '../charts/surface'
import { formatNumber, plural } from '../core/format'
import { Menu } from '../ui/Menu'
import { Popover } from '../ui/Popover'
import { Name } from '../ui/Text'
import type { PanelContext } from './context'
import type { DamagedRun, PanelModel } from './usePanelModel'
import { addNonFinite, nonFiniteWords, shortNonFiniteWords } from './words'

interface PanelBadgesProps {
  metric: string
  panel: PanelModel
  context: PanelContext
}

export function PanelBadges({ metric, panel, context }: PanelBadgesProps) {
  const { nonFinite, damaged, truncated } = panel
  const { setView } = context
  const counts = addNonFinite(nonFinite)
  return (
    <>
      <RangeBadges metric={metric} panel={panel} context={context} />
      {nonFinite.length > 0 && (
        <Menu
          label={`${nonFiniteWords(counts)} in ${plural(nonFinite.length, 'run')}`}
          className="badge is-err"
          items={nonFinite.map(({ run, firstX, ...found }) => ({
            label: run.name,
            hint: `${nonFiniteWords(found)} from ${describeX(panel.model.xKind, firstX)}`,
            onSelect: () => setView({ q: '', sel: [run.id] }),
          }))}
        >
          ✕ {shortNonFiniteWords(counts)}
        </Menu>
      )}
      {damaged.length > 0 && (
        <Popover
          label="What could not be read"
          className="badge is-warn"
          content={() => <Damage damaged={damaged} />}
        >
          ⚠<span className="badge-more"> damaged</span>
        </Popover>
      )}
      {truncated && (
        <span className="badge is-warn" title="The answer holds a part of what this panel asked for">
          ⚠<span className="badge-more"> partly loaded</span>
        </span>
      )}
    </>
  )
}

function RangeBadges({ metric, panel, context }: PanelBadgesProps) {
  const { y, yZoom, log } = panel.model
  const show = (): void => context.setView((before) => ({ full: toggled(before.full, metric) }))
  const clipped = y.robust && !yZoom
  return (
    <>
      {clipped && y.above > 0 && (
        <button type="button" className="badge" title={CLIPPED} onClick={show}>
          ▲ {formatNumber(y.above)}
          <span className="badge-more"> above · show</span>
        </button>
      )}
      {clipped && y.below > 0 && (
        <button type="button" className="badge" title={CLIPPED} onClick={show}>
          ▼ {formatNumber(y.below)}
          <span className="badge-more"> below · show</span>
        </button>
      )}
      {context.view.full.has(metric) && (
        <button type="button" className="badge" title="Choose the range without outliers" onClick={show}>
          full range
        </button>
      )}
      {log && y.notPositive > 0 && (
        <span className="badge" title="A log axis has no place for 0 and below">
          ▼ {formatNumber(y.notPositive)} ≤ 0
        </span>
      )}
    </>
  )
}

const CLIPPED = 'Outliers are clipped; show the full range'

/** Each range that could not be read, with the object that is damaged. */
export function Damage({ damaged }: { damaged: readonly DamagedRun[] }) {
  return (
    <ul className="damage">
      {damaged.map(({ run, ranges }) => (
        <li key={run.id}>
          <Name>{run.name}</Name>
          {ranges.map((range) => (
            <p key={`${range.object} ${range.first_step}`}>{describeDamage(range)}</p>
          ))}
        </li>
      ))}
    </ul>
  )
}

export function toggled(set: ReadonlySet<string>, item: string): ReadonlySet<string> {
  const next = new Set(set)
  if (!next.delete(item)) next.add(item)
  return next
}
