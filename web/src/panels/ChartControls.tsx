/** Controls that every toolbar of charts has: find panels, x axis, smoothing, scale. */

import type { RefObject } from 'react'
import { plural } from '../core/format'
import type { WorkspaceView, XKind } from '../core/view'
import { Button } from '../ui/Button'
import { Menu } from '../ui/Menu'
import { Search } from '../ui/Search'
import { Smoothing } from '../ui/Smoothing'
import type { Catalogue } from './useCatalogue'
import type { SetView } from './useView'
import { isZoomed, type Zoom } from './useZoom'

export interface XChoice {
  kind: XKind
  label: string
}

export const X_CHOICES: readonly XChoice[] = [
  { kind: 'step', label: 'step' },
  { kind: 'relative', label: 'time since start' },
  { kind: 'time', label: 'local time' },
]

interface ViewProps {
  view: WorkspaceView
  setView: SetView
}

export function FindPanels({
  view,
  setView,
  field,
  catalogue,
}: ViewProps & { field: RefObject<HTMLInputElement | null>; catalogue: Catalogue }) {
  const { complete, searching, total, loading } = catalogue
  return (
    <>
      <Search
        ref={field}
        label="Find panels"
        placeholder="Find panels: loss|acc"
        hotkey="f"
        value={view.find}
        onChange={(find) => setView({ find }, 'replace')}
        className="toolbar-find"
      />
      {!complete && !loading && (
        <span className="toolbar-count faint" role="status">
          {searching ? 'Searching …' : `${plural(total, 'metric')}${view.find === '' ? '' : ' found'}`}
        </span>
      )}
    </>
  )
}

export function XAxisControls({
  view,
  setView,
  zoom,
  choices,
}: ViewProps & { zoom: Zoom; choices: readonly XChoice[] }) {
  return (
    <>
      {isZoomed(view) && (
        <Button icon="reset" onClick={zoom.reset} title="Reset zoom (0)">
          Zoom
        </Button>
      )}
      <Menu
        label="X axis"
        items={choices.map(({ kind, label }) => ({
          label,
          checked: view.x === kind,
          onSelect: () => setView({ x: kind, xr: new Map() }),
        }))}
      >
        <span className="faint">X</span> {choices.find(({ kind }) => kind === view.x)?.label ?? view.x}
      </Menu>
    </>
  )
}

export function LineControls({ view, setView }: ViewProps) {
  return (
    <>
      <Smoothing value={view.sm} onChange={(sm) => setView({ sm }, 'replace')} />
      <Button
        pressed={view.log}
        onClick={() => setView({ log: !view.log, yr: new Map() })}
        title="Logarithmic y axis"
      >
        Log y
      </Button>
    </>
  )
}
