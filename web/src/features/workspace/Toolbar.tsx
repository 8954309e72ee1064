/** The charts' toolbar: x axis, smoothing, scale, search, zoom, columns. */

import type { RefObject } from 'react'
import type { WorkspaceView, XKind } from '../../core/view'
import type { SetView } from '../../panels/useView'
import { isZoomed, type Zoom } from '../../panels/useZoom'
import { Button, IconButton } from '../../ui/Button'
import { Menu } from '../../ui/Menu'
import { Search } from '../../ui/Search'
import { Smoothing } from '../../ui/Smoothing'

interface ToolbarProps {
  view: WorkspaceView
  setView: SetView
  zoom: Zoom
  /** Metrics that runs declared as their x axis. */
  xMetrics: readonly string[]
  findField: RefObject<HTMLInputElement | null>
  listShown: boolean
  onToggleList: () => void
}

export const X_LABELS: readonly { kind: XKind; label: string }[] = [
  { kind: 'step', label: 'step' },
  { kind: 'relative', label: 'time since start' },
  { kind: 'time', label: 'local time' },
]

export function Toolbar({ view, setView, zoom, xMetrics, findField, listShown, onToggleList }: ToolbarProps) {
  const kinds = [...X_LABELS, ...xMetrics.map((name) => ({ kind: `metric:${name}` as const, label: name }))]
  const outliers = view.full.has('*')
  return (
    <div className="toolbar" role="toolbar" aria-label="Charts">
      <IconButton
        icon="list"
        label={listShown ? 'Hide the run list (Ctrl .)' : 'Show the run list (Ctrl .)'}
        pressed={listShown}
        onClick={onToggleList}
      />
      <Search
        ref={findField}
        label="Find panels"
        placeholder="Find panels: loss|acc"
        hotkey="f"
        value={view.find}
        onChange={(find) => setView({ find }, 'replace')}
        className="toolbar-find"
      />
      <span className="toolbar-space" />
      {isZoomed(view) && (
        <Button icon="reset" onClick={zoom.reset} title="Reset zoom (0)">
          Zoom
        </Button>
      )}
      <Menu
        label="X axis"
        items={kinds.map(({ kind, label }) => ({
          label,
          checked: view.x === kind,
          onSelect: () => setView({ x: kind, xr: new Map() }),
        }))}
      >
        <span className="faint">X</span> {kinds.find(({ kind }) => kind === view.x)?.label ?? view.x}
      </Menu>
      <Smoothing value={view.sm} onChange={(sm) => setView({ sm }, 'replace')} />
      <Button
        pressed={view.log}
        onClick={() => setView({ log: !view.log, yr: new Map() })}
        title="Logarithmic y axis"
      >
        Log y
      </Button>
      <Menu
        label="Outliers"
        items={[
          { label: 'Clip and count', checked: !outliers, onSelect: () => setView({ full: new Set() }) },
          {
            label: 'Show the full range',
            checked: outliers,
            onSelect: () => setView({ full: new Set(['*']) }),
          },
        ]}
      >
        Outliers {outliers ? 'shown' : 'clipped'}
      </Menu>
      <Menu
        label="Panels per row"
        items={[null, 1, 2, 3, 4, 5, 6].map((columns) => ({
          label: columns === null ? 'As the width allows' : String(columns),
          checked: view.columns === columns,
          onSelect: () => setView({ columns }),
        }))}
      >
        Columns{view.columns === null ? '' : ` ${view.columns}`}
      </Menu>
    </div>
  )
}
