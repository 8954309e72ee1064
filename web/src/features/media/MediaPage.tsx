/** Media of several runs side by side: a grid of strips, one step for all, and two media in detail. */

import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { ApiError } from '../../api/http'
import type { Slot, SlotName } from '../../core/comparison'
import { plural } from '../../core/format'
import { matchOf } from '../../core/mediaSteps'
import { EmptyState, ErrorNote } from '../../ui/States'
import { usePlace } from '../../ui/usePlace'
import { Chooser, type Presence } from './Chooser'
import { MediaGrid, type GridHandle } from './MediaGrid'
import { NoMedia, NoPlaces, Waiting } from './MediaStates'
import { MediaToolbar } from './MediaToolbar'
import { PairPanel } from './PairPanel'
import { StepBar } from './StepBar'
import { useComparison } from './useComparison'
import { useFirstChoice } from './useFirstChoice'
import { useMagnifier } from './useMagnifier'
import { useChosenRuns, useMedia } from './useMedia'
import { useMediaKeys } from './useMediaKeys'
import { usePreload } from './usePreload'

/** Below this width the list of runs is opened only when asked for. */
const NARROW_PX = 900
const FOLDED_WIDTH = 44
const NO_RUNS: readonly string[] = []

export function MediaPage() {
  const { entity = '', project = '' } = usePlace()
  const at = useMemo(() => ({ entity, project }), [entity, project])
  const [view, setView] = useComparison()
  const first = useFirstChoice(at, view, setView)
  const compared = useMedia(at, view)
  const { selection, notches, place, media, shownPlace } = compared
  const chosen = useChosenRuns(at, view.runs ?? NO_RUNS)
  const page = useRef<HTMLDivElement>(null)
  const grid = useRef<GridHandle>(null)
  const findField = useRef<HTMLInputElement>(null)
  const [chooserShown, setChooserShown] = useState(() => window.innerWidth >= NARROW_PX)
  const [width, setWidth] = useState(() => Math.round(Math.min(640, window.innerWidth * 0.42)))
  const [folded, setFolded] = useState(false)
  const [active, setActive] = useState<SlotName>('a')
  const magnifier = useMagnifier(page, view.magnification, (magnification) =>
    setView({ magnification }, 'replace'),
  )
  usePreload(at, compared, view, grid)

  useEffect(() => {
    document.title = `Media · ${project} · Kymograph`
  }, [project])

  const all = notches?.all ?? []
  const last = all.at(-1)
  // At the end it stays at the end, as runs log on.
  const slide = useCallback(
    (step: number) => setView({ step: step === last ? null : step }, 'slide'),
    [setView, last],
  )
  const assign = useCallback(
    (slot: Slot, name: SlotName, keep = false) => {
      // A click begins a new pair, with Shift it completes one.
      setView(name === 'a' && !keep ? { a: slot, b: null } : { [name]: slot })
      setActive(name)
      setFolded(false)
    },
    [setView],
  )
  const toggleChooser = (): void => setChooserShown((shown) => !shown)
  const pointer = useMediaKeys({
    view,
    setView,
    runs: chosen,
    metrics: selection.metrics,
    notches: all,
    place,
    active,
    magnifier,
    grid,
    onSlide: slide,
    onAssign: assign,
    onChooser: toggleChooser,
    onFind: () => {
      setChooserShown(true)
      requestAnimationFrame(() => findField.current?.focus())
    },
  })

  const lists = useMemo(
    () => selection.runs.map((run) => notches?.listsOf(run).flat() ?? []),
    [selection.runs, notches],
  )
  const presenceOf = (run: string): Presence => {
    if (place === null || notches === null) return 'none'
    const matches = selection.metrics.flatMap((metric) => {
      const places = notches.find(run, metric)
      return places === null ? [] : (matchOf(places, place) ?? [])
    })
    if (matches.some(({ isExact }) => isExact)) return 'here'
    return matches.length > 0 && !view.exact ? 'before' : 'none'
  }
  const here = chosen.filter(({ id }) => presenceOf(id) === 'here').length
  const axis = view.x === 'step' ? 'Step' : view.x
  const placeText = place === null ? '' : `${axis} ${place}, ${here} of ${plural(chosen.length, 'run')} here`
  const missing = useMemo(
    () => (view.runs ?? []).filter((id) => notches?.missing.includes(id)),
    [view.runs, notches],
  )
  const error = first.error ?? compared.error
  const retry = first.error ? first.retry : compared.retry
  const pair = view.a !== null || view.b !== null

  // Not found and forbidden concern the whole page; one note says so.
  if (first.error instanceof ApiError && first.error.status !== 401) {
    return (
      <div className="page-middle">
        <ErrorNote what="This project could not be opened" error={error} onRetry={retry} />
      </div>
    )
  }
  const body = (): ReactNode => {
    if (error && (place === null || shownPlace === null))
      return <ErrorNote what="The media could not be read" error={error} onRetry={retry} />
    if (view.runs === null || (compared.loading && (place === null || shownPlace === null)))
      return <Waiting />
    if (selection.runs.length === 0) {
      return (
        <EmptyState title="No runs chosen">
          <p>
            Choose runs in the list at the left: <kbd>/</kbd> finds them.
          </p>
        </EmptyState>
      )
    }
    if (selection.metrics.length === 0) return <NoMedia keys={compared.keys} />
    if (place === null) return <NoPlaces x={view.x} onStep={() => setView({ x: 'step', step: null })} />
    if (shownPlace === null) return <Waiting />
    return (
      <>
        {error && <ErrorNote what="This step could not be read" error={error} onRetry={retry} />}
        <MediaGrid
          ref={grid}
          runs={chosen}
          metrics={selection.metrics}
          media={media}
          notches={notches}
          place={shownPlace}
          exact={view.exact}
          layout={view.layout}
          size={view.size}
          coveredRight={pair ? (folded ? FOLDED_WIDTH : width) : 0}
          a={view.a}
          b={view.b}
          onAssign={assign}
        />
      </>
    )
  }
  return (
    <div ref={page} className={`media-page ${chooserShown ? '' : 'is-alone'}`} {...pointer}>
      {chooserShown && (
        <Chooser
          at={at}
          chosen={chosen}
          missing={missing}
          presenceOf={presenceOf}
          keys={compared.keys}
          shownKeys={selection.metrics}
          findField={findField}
          onRuns={(runs) => setView({ runs })}
          onKeys={(keys) => setView({ keys })}
        />
      )}
      <div className="media-main">
        <MediaToolbar
          at={at}
          view={view}
          setView={setView}
          selection={selection}
          place={place}
          chooserShown={chooserShown}
          onChooser={toggleChooser}
          onWhole={magnifier.reset}
        />
        {place !== null && (
          <StepBar
            at={at}
            runs={selection.runs}
            x={view.x}
            notches={all}
            lists={lists}
            place={place}
            placeText={placeText}
            arrived={shownPlace === place}
            onSlide={slide}
            onAxis={(x) => setView({ x, step: null })}
          />
        )}
        <div className={`media-body ${shownPlace === place ? '' : 'is-behind'}`}>
          {body()}
          {pair && (
            <PairPanel
              at={at}
              view={view}
              setView={setView}
              runs={chosen}
              media={media}
              waiting={shownPlace === null}
              active={active}
              width={width}
              folded={folded}
              onActive={setActive}
              onWidth={setWidth}
              onFold={setFolded}
            />
          )}
        </div>
        <p className="visually-hidden" role="status">
          {shownPlace === place ? placeText : ''}
        </p>
      </div>
    </div>
  )
}
