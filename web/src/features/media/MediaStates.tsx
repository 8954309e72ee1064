/** What stands in the grid's place while there is nothing to show. */

import type { MediaKey } from '../../core/mediaSteps'
import { Button } from '../../ui/Button'
import { EmptyState, useDelayed } from '../../ui/States'

const SKELETONS = 12

export function Waiting() {
  const shown = useDelayed()
  return (
    <div className="media-waiting" role="status" aria-label="Loading media">
      {shown &&
        Array.from({ length: SKELETONS }, (_, index) => <div key={index} className="media-skeleton" />)}
    </div>
  )
}

export function NoMedia({ keys }: { keys: readonly MediaKey[] }) {
  if (keys.length > 0) {
    return (
      <EmptyState title="No media chosen">
        <p>Choose what to show in the list at the left.</p>
      </EmptyState>
    )
  }
  return (
    <EmptyState title="These runs logged no media">
      <p>Images, tables, audio, video and pages that runs log are shown here.</p>
    </EmptyState>
  )
}

/** @param x What the slider goes by. */
export function NoPlaces({ x, onStep }: { x: string; onStep: () => void }) {
  if (x === 'step') {
    return (
      <EmptyState title="Nothing logged under these names">
        <p>Choose other media or other runs.</p>
      </EmptyState>
    )
  }
  return (
    <EmptyState title="No media along this axis">
      <p>
        None of these media were logged where <bdi className="mono">{x}</bdi> has a value.
      </p>
      <Button onClick={onStep}>Slide by step</Button>
    </EmptyState>
  )
}
