/** What stands in A or B, and what can be done with it. */

import type { Slot, SlotName } from '../../core/comparison'
import { formatNumber } from '../../core/format'
import { captionOf, type MediaItem, type Medium } from '../../core/mediaSteps'
import { visibleControls } from '../../core/text'
import type { Run } from '../../core/types'
import { IconButton } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { RunDot } from '../../ui/RunDot'
import { Name } from '../../ui/Text'

interface SlotHeadProps {
  name: SlotName
  slot: Slot | null
  item: MediaItem | null
  medium: Medium | null
  runs: readonly Run[]
  waiting: boolean
  active: boolean
  onActive: (name: SlotName) => void
  onSlot: (slot: Slot | null) => void
}

export function SlotHead({
  name,
  slot,
  item,
  medium,
  runs,
  waiting,
  active,
  onActive,
  onSlot,
}: SlotHeadProps) {
  const letter = name.toUpperCase()
  if (!slot) {
    return (
      <div className="pair-slot is-empty faint">
        <span className="pair-letter">{letter}</span>
        <span>
          {name === 'a' ? 'Click an image' : 'Shift-click an image'}, or point at one and press{' '}
          <kbd>{name}</kbd>
        </span>
      </div>
    )
  }
  const run = runs.find(({ id }) => id === slot.run)
  const caption = medium ? visibleControls(captionOf(medium)) : ''
  return (
    <div className="pair-slot">
      <button
        type="button"
        className="pair-letter"
        aria-pressed={active}
        aria-label={`Keys act on ${letter}`}
        title={`[ and ] change the run of ${letter}`}
        onClick={() => onActive(name)}
      >
        {letter}
      </button>
      <div className="pair-facts">
        <span className="pair-run">
          {run && <RunDot color={run.color} />}
          <Name>{run?.name ?? slot.run}</Name>
        </span>
        <span className="faint pair-where">
          <Name>{slot.key}</Name>
          <span>
            [{slot.index}] · {item ? `step ${formatNumber(item.step)}` : waiting ? '…' : 'nothing here'}
          </span>
        </span>
        {caption !== '' && (
          <bdi className="pair-caption" title={caption}>
            {caption}
          </bdi>
        )}
      </div>
      <IconButton
        icon="lock"
        label={slot.step === null ? `Keep ${letter} at this step` : `Let ${letter} follow the slider`}
        pressed={slot.step !== null}
        disabled={slot.step === null && !item}
        className="is-small"
        onClick={() => onSlot({ ...slot, step: slot.step === null ? (item?.step ?? null) : null })}
      />
      {medium?.url != null && (
        <a
          className="icon-button is-small"
          href={medium.url}
          target="_blank"
          rel="noopener noreferrer"
          aria-label={`Open ${letter} in a new tab`}
          title={`Open ${letter} in a new tab`}
        >
          <Icon name="expand" />
        </a>
      )}
      <IconButton icon="close" label={`Empty ${letter}`} className="is-small" onClick={() => onSlot(null)} />
    </div>
  )
}
