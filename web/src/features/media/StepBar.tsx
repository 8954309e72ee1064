/** Where all media stand: slider, number, axis, and playing through the steps. */

import { useEffect, useMemo, useState } from 'react'
import type { ProjectRef } from '../../api/queries'
import { formatNumber, plural } from '../../core/format'
import { nearestIndex, stepBy } from '../../core/steps'
import { useCatalogue } from '../../panels/useCatalogue'
import { IconButton } from '../../ui/Button'
import { KeyPicker } from '../../ui/KeyPicker'
import { Popover } from '../../ui/Popover'
import { useSettled } from '../../ui/useSettled'
import { StepSlider } from './StepSlider'

interface StepBarProps {
  at: ProjectRef
  runs: readonly string[]
  x: string
  notches: readonly number[]
  lists: readonly (readonly number[])[]
  place: number
  /** In words: which runs have media exactly here. */
  placeText: string
  /** The media of the place are shown. */
  arrived: boolean
  onSlide: (place: number) => void
  onAxis: (x: string) => void
}

const PLAY_MS = 400
const TYPING_MS = 150
const FIXED_AXES = [
  { key: 'step', label: 'step' },
  { key: '_runtime', label: 'time since start' },
  { key: '_timestamp', label: 'local time' },
]

export function StepBar(props: StepBarProps) {
  const { x, notches, lists, place, placeText, onSlide } = props
  const index = nearestIndex(notches, place)
  // As wide for the first place as for the last, or the slider would change its length under the pointer.
  const total = formatNumber(notches.length)
  const move = (by: number): void => onSlide(stepBy(notches, place, by))
  return (
    <div className="step-bar" role="group" aria-label="Step of all media">
      <IconButton
        icon="arrowLeft"
        label="Previous step (←)"
        className="is-small"
        disabled={index <= 0}
        onClick={() => move(-1)}
      />
      <StepSlider notches={notches} lists={lists} value={place} valueText={placeText} onSlide={onSlide} />
      <IconButton
        icon="arrowLeft"
        label="Next step (→)"
        className="is-small is-turned"
        disabled={index >= notches.length - 1}
        onClick={() => move(1)}
      />
      <Player {...props} />
      <StepField key={place} place={place} onPlace={(value) => onSlide(stepBy(notches, value, 0))} />
      <Popover
        label="Jump to a step"
        className="is-bare"
        content={(close) => <StepPicker notches={notches} place={place} onPick={onSlide} onDone={close} />}
      >
        <span className="faint step-count" style={{ minWidth: `${2 * total.length + 9}ch` }}>
          {formatNumber(index + 1)} of {plural(notches.length, x === 'step' ? 'step' : 'place')}
        </span>
      </Popover>
      <AxisPicker {...props} />
    </div>
  )
}

/** A number that snaps to the nearest notch. */
function StepField({ place, onPlace }: { place: number; onPlace: (place: number) => void }) {
  const [text, setText] = useState(String(place))
  const settle = (): void => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isFinite(value)) onPlace(value)
    setText(String(place))
  }
  return (
    <input
      className="input step-field"
      inputMode="decimal"
      aria-label="Step number: goes to the nearest"
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={settle}
      onKeyDown={(event) => {
        if (event.key === 'Enter') settle()
        if (event.key === 'Escape') setText(String(place))
      }}
    />
  )
}

function Player({ notches, place, arrived, onSlide }: StepBarProps) {
  const [playing, setPlaying] = useState(false)
  const last = notches.at(-1)
  const runs = playing && place !== last
  // Waits for the media of each step, so that a slow server is watched slowly and not skipped.
  useEffect(() => {
    if (!runs || !arrived) return
    const timer = window.setTimeout(() => onSlide(stepBy(notches, place, 1)), PLAY_MS)
    return () => window.clearTimeout(timer)
  }, [runs, arrived, notches, place, onSlide])
  return (
    <IconButton
      icon={runs ? 'stop' : 'play'}
      label={runs ? 'Stop' : 'Play through the steps'}
      className="is-small"
      onClick={() => {
        if (!runs && place === last && notches[0] !== undefined) onSlide(notches[0])
        setPlaying(!runs)
      }}
    />
  )
}

interface StepPickerProps {
  notches: readonly number[]
  place: number
  onPick: (place: number) => void
  onDone: () => void
}

function StepPicker({ notches, place, onPick, onDone }: StepPickerProps) {
  const [find, setFind] = useState('')
  const groups = useMemo(
    () => [{ title: 'Steps', keys: notches.map((step) => ({ key: String(step), label: String(step) })) }],
    [notches],
  )
  return (
    <KeyPicker
      groups={groups}
      find={find}
      onFind={setFind}
      current={String(place)}
      onPick={(key) => onPick(Number(key))}
      onDone={onDone}
    />
  )
}

function AxisPicker({ at, runs, x, onAxis }: StepBarProps) {
  return (
    <Popover
      label="Slide by"
      content={(close) => <AxisList at={at} runs={runs} x={x} onAxis={onAxis} onDone={close} />}
    >
      <span className="faint">by</span>
      <span className="clip step-axis">{FIXED_AXES.find(({ key }) => key === x)?.label ?? x}</span>
    </Popover>
  )
}

type AxisListProps = Pick<StepBarProps, 'at' | 'runs' | 'x' | 'onAxis'> & { onDone: () => void }

function AxisList({ at, runs, x, onAxis, onDone }: AxisListProps) {
  const [find, setFind] = useState('')
  const source = useMemo(() => ({ kind: 'runs' as const, at, runs }), [at, runs])
  const catalogue = useCatalogue(source, useSettled(find, TYPING_MS))
  const metrics = catalogue.batches.flat().map((name) => ({ key: name, label: name }))
  return (
    <KeyPicker
      groups={[
        { title: 'Axis', keys: FIXED_AXES },
        { title: 'Metrics', keys: metrics },
      ]}
      find={find}
      onFind={setFind}
      current={x}
      onPick={onAxis}
      onDone={onDone}
    />
  )
}
