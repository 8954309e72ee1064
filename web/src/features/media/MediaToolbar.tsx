/** How the media are laid out, and what can be done with all of them. */

import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { mediaZipUrl, type ComparedProject, type MediaSelection } from '../../api/comparison'
import { SIZES, type ComparisonView } from '../../core/comparison'
import { encodeList } from '../../core/view'
import { Button, IconButton } from '../../ui/Button'
import { Menu } from '../../ui/Menu'
import { ShareDialog } from './ShareDialog'
import type { SetComparison } from './useComparison'

interface MediaToolbarProps {
  at: ComparedProject
  view: ComparisonView
  setView: SetComparison
  selection: MediaSelection
  /** Chosen runs that are not there: no link can be made to them. */
  missing: readonly string[]
  place: number | null
  chooserShown: boolean
  onChooser: () => void
  onWhole: () => void
}

export function MediaToolbar(props: MediaToolbarProps) {
  const { at, view, setView, selection, missing, place, chooserShown } = props
  const client = useQueryClient()
  const navigate = useNavigate()
  const [sharing, setSharing] = useState(false)
  const isMember = at.token === undefined
  const there = selection.runs.filter((run) => !missing.includes(run))
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
      {isMember && selection.runs.length > 0 && (
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
      {isMember && (
        <Button
          icon="share"
          title="A link that shows this comparison to people without an account"
          disabled={there.length === 0 || selection.metrics.length === 0}
          onClick={() => setSharing(true)}
        >
          Share
        </Button>
      )}
      {sharing && (
        <ShareDialog
          at={at}
          view={view}
          selection={{ ...selection, runs: there }}
          onClose={() => setSharing(false)}
        />
      )}
    </div>
  )
}
