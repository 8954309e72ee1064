/** Keyboard on the run list: one focused run, selection, visibility, opening. */

import { useNavigate } from '@tanstack/react-router'
import { useCallback, useMemo, useRef, useState } from 'react'
import { highlightRun } from '../../charts/sync'
import type { Run } from '../../core/types'
import type { WorkspaceView } from '../../core/view'
import type { SetView } from '../../panels/useView'
import type { KeyMap } from '../../ui/keys'

interface Options {
  rows: readonly Run[]
  view: WorkspaceView
  setView: SetView
  onEye: (run: Run, only: boolean) => void
}

export function useRunKeys({ rows, view, setView, onEye }: Options) {
  const [focused, setFocused] = useState<string | null>(null)
  const hovered = useRef<Run | null>(null)
  const anchor = useRef<string | null>(null)
  const navigate = useNavigate()
  const onHover = useCallback((run: Run | null) => {
    hovered.current = run
  }, [])

  const map = useMemo<KeyMap>(() => {
    const indexOf = (id: string | null): number => rows.findIndex((run) => run.id === id)
    const target = (): Run | undefined => hovered.current ?? rows[Math.max(0, indexOf(focused))]
    const focus = (run: Run | undefined): void => {
      if (!run) return
      // From here on the keyboard leads, wherever the pointer rests.
      hovered.current = null
      setFocused(run.id)
      highlightRun(run.id)
    }
    const move = (way: 1 | -1): void => {
      const here = indexOf(hovered.current?.id ?? focused)
      focus(rows[here === -1 ? 0 : Math.max(0, Math.min(rows.length - 1, here + way))])
    }
    const open = (run: Run | undefined, tab: boolean): void => {
      if (!run) return
      const to = {
        to: '/$entity/$project/runs/$run',
        params: { entity: run.entity, project: run.project, run: run.id },
      } as const
      if (tab) {
        const path = `/${[run.entity, run.project, 'runs', run.id].map(encodeURIComponent).join('/')}`
        window.open(path, '_blank', 'noopener')
      } else void navigate(to)
    }
    const select = (): void => {
      const run = target()
      if (!run) return
      anchor.current = run.id
      const chosen = view.sel.includes(run.id)
        ? view.sel.filter((id) => id !== run.id)
        : [...view.sel, run.id]
      setView({ sel: chosen }, 'replace')
      // On to the next one, so that five runs are five presses.
      const next = rows[indexOf(run.id) + 1]
      focus(next ?? run)
    }
    const selectRange = (): void => {
      const run = target()
      if (!run) return
      const [from, to] = [indexOf(anchor.current ?? run.id), indexOf(run.id)].sort((a, b) => a - b)
      const range = rows.slice(Math.max(0, from ?? 0), (to ?? 0) + 1).map((row) => row.id)
      setView({ sel: [...new Set([...view.sel, ...range])] }, 'replace')
    }
    const eye = (only: boolean): void => {
      const run = target()
      if (run) onEye(run, only)
    }
    return {
      j: () => move(1),
      k: () => move(-1),
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      x: select,
      'Shift+x': selectRange,
      'Ctrl+a': () => setView({ sel: rows.map((run) => run.id) }, 'replace'),
      v: () => eye(false),
      'Shift+v': () => eye(true),
      Enter: () => open(rows[indexOf(focused)], false),
      o: () => open(target(), true),
    }
  }, [rows, view.sel, setView, focused, onEye, navigate])

  return { map, focused, onHover }
}
