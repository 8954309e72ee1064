/** What all panels of a page share. */

import type { ProjectRef } from '../api/queries'
import type { RunState } from '../core/types'
import type { WorkspaceView } from '../core/view'
import type { SetView } from './useView'

export interface PanelRun {
  id: string
  name: string
  color: number
  state: RunState
}

export interface PanelContext {
  at: ProjectRef
  /** Shown runs in list order. */
  runs: readonly PanelRun[]
  stream: 'history' | 'system'
  view: WorkspaceView
  setView: SetView
}

/** A panel draws at most this many runs, the first of the list. */
export const MOST_RUNS = 100
