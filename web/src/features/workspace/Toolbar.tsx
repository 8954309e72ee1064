/** The charts' toolbar: x axis, smoothing, scale, search, zoom, columns. */

import type { RefObject } from 'react'
import type { WorkspaceView } from '../../core/view'
import { FindPanels, LineControls, X_CHOICES, XAxisControls } from '../../panels/ChartControls'
import type { Catalogue } from '../../panels/useCatalogue'
import type { SetView } from '../../panels/useView'
import type { Zoom } from '../../panels/useZoom'
import { IconButton } from '../../ui/Button'
import { Menu } from '../../ui/Menu'

interface ToolbarProps {
  view: WorkspaceView
  setView: SetView
  zoom: Zoom
  catalogue: Catalogue
  findField: RefObject<HTMLInputElement | null>
  listShown: boolean
  onToggleList: () => void
}

export function Toolbar({
  view,
  setView,
  zoom,
  catalogue,
  findField,
  listShown,
  onToggleList,
}: ToolbarProps) {
  const choices = [
    ...X_CHOICES,
    // Metrics that runs declared as their x axis.
    ...[...new Set(catalogue.ownAxes.values())].map((name) => ({
      kind: `metric:${name}` as const,
      label: name,
    })),
  ]
  const outliers = view.full.has('*')
  return (
    <div className="toolbar" role="toolbar" aria-label="Charts">
      <IconButton
        icon="list"
        label={listShown ? 'Hide the run list (Ctrl .)' : 'Show the run list (Ctrl .)'}
        pressed={listShown}
        onClick={onToggleList}
      />
      <FindPanels view={view} setView={setView} field={findField} catalogue={catalogue} />
      <span className="toolbar-space" />
      <XAxisControls view={view} setView={setView} zoom={zoom} choices={choices} />
      <LineControls view={view} setView={setView} />
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
