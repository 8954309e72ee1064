/** How the media are laid out, and what can be done with all of them. */

import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { mediaZipUrl, type MediaSelection } from '../../api/comparison'
import type { ProjectRef } from '../../api/queries'
import { SIZES, type ComparisonView } from '../../core/comparison'
import { encodeList } from '../../core/view'
import { Button, IconButton } from '../../ui/Button'
import { Menu } from '../../ui/Menu'
import type { SetComparison } from './useComparison'

interface MediaToolbarProps {
  at: ProjectRef
  view: ComparisonView
  setView: SetComparison
  selection: MediaSelection
  place: number | null
  chooserShown: boolean
  onChooser: () => void
  onWhole: () => void
}

export function MediaToolbar(props: MediaToolbarProps) {
  const { at, view, setView, selection, place, chooserShown } = props
  const client = useQueryClient()
  const navigate = useNavigate()
  const download = (whole: boolean): void => {
    const match = view.exact ? 'exact' : 'previous'
    window.location.assign(mediaZipUrl(at, selection, whole || place === null ? null : { at: place, match }))
  }
  return (
    <div className="toolbar" role="toolbar" aria-label="Media">
      <IconButton
        icon="list"
        label={chooserShown ? 'Hide the runs (Ctrl .)' : 'Show the runs (Ctrl .)'}
        pressed={chooserShown}
        onClick={props.onChooser}
      />
      <h1 className="toolbar-title">Media</h1>
      <Menu
        label="Layout"
        items={[
          {
            label: 'A strip a run',
            checked: view.layout === 'strips',
            onSelect: () => setView({ layout: 'strips' }),
          },
          {
            label: 'A column a run',
            checked: view.layout === 'columns',
            onSelect: () => setView({ layout: 'columns' }),
          },
        ]}
      >
        {view.layout === 'strips' ? 'Strips' : 'Columns'}
      </Menu>
      <Button
        pressed={!view.exact}
        title="Runs without media at this step show their last ones before it"
        onClick={() => setView({ exact: !view.exact })}
      >
        Fill gaps
      </Button>
      <label className="media-size">
        Size
        <input
          type="range"
          min={SIZES[0]}
          max={SIZES[1]}
          step={8}
          value={view.size}
          aria-valuetext={`${view.size} pixels`}
          onChange={(event) => setView({ size: Number(event.target.value) }, 'slide')}
        />
      </label>
      {view.magnification.zoom > 1 && (
        <Button icon="reset" title="Show whole images (0)" onClick={props.onWhole}>
          {Number(view.magnification.zoom.toFixed(1))}×
        </Button>
      )}
      <span className="toolbar-space" />
      <IconButton
        icon="reset"
        label="Look for new steps"
        onClick={() => void client.invalidateQueries({ queryKey: ['compare'] })}
      />
      <Menu
        label="Download as zip"
        icon="download"
        items={[
          { label: 'Media of this step', disabled: place === null, onSelect: () => download(false) },
          { label: 'Media of all steps', disabled: place === null, onSelect: () => download(true) },
        ]}
      />
      {selection.runs.length > 0 && (
        <Button
          icon="chart"
          title="Compare charts and configurations of these runs"
          onClick={() =>
            void navigate({
              to: '/$entity/$project/compare',
              params: at,
              search: { runs: encodeList(selection.runs) },
            })
          }
        >
          Charts
        </Button>
      )}
    </div>
  )
}
