/** Search or jump: projects, runs of the project, and what can be done from anywhere. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import { collectionsQuery } from '../../api/artifacts'
import { projectsQuery, runsQuery } from '../../api/queries'
import { artifactSplat } from '../../core/artifacts'
import { DEFAULT_SORT } from '../../core/view'
import { Name } from '../../ui/Text'
import { setTheme } from '../../ui/theme'
import { usePlace } from '../../ui/usePlace'

interface PaletteProps {
  onClose: () => void
  onKeys: () => void
}

interface Command {
  id: string
  label: string
  hint: string
  run: () => void
}

const MOST_RUNS = 8
const MOST_PROJECTS = 6
const MOST_COLLECTIONS = 5
const PAUSE_MS = 150

export function Palette({ onClose, onKeys }: PaletteProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [asked, setAsked] = useState('')
  const [chosen, setChosen] = useState(0)
  const list = useId()
  const commands = useCommands(text, asked, onKeys)
  const current = Math.min(chosen, commands.length - 1)

  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal()
  }, [])
  useEffect(() => {
    const timer = window.setTimeout(() => setAsked(text.trim()), PAUSE_MS)
    return () => window.clearTimeout(timer)
  }, [text])

  const take = (command: Command | undefined): void => {
    if (!command) return
    onClose()
    command.run()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    event.stopPropagation()
    if (event.key === 'Enter') take(commands[current])
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
    event.preventDefault()
    const next = current + (event.key === 'ArrowDown' ? 1 : -1)
    setChosen((next + commands.length) % Math.max(1, commands.length))
  }
  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Search or jump"
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose()
      }}
      onKeyDown={onKeyDown}
    >
      <input
        className="input"
        type="search"
        role="combobox"
        aria-label="Search or jump"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={commands[current] ? `${list}-${current}` : undefined}
        placeholder="A run, a project, or what to do"
        autoFocus
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setChosen(0)
        }}
      />
      <div id={list} className="palette-list" role="listbox" aria-label="Results">
        {commands.map((command, index) => (
          <div
            key={command.id}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === current}
            className="palette-item"
            onPointerMove={() => setChosen(index)}
            onClick={() => take(command)}
          >
            <Name>{command.label}</Name>
            <span className="menu-hint">{command.hint}</span>
          </div>
        ))}
        {commands.length === 0 && <div className="menu-title">Nothing matches</div>}
      </div>
    </dialog>
  )
}

/** Runs and projects as the server finds them, then actions whose words match. */
function useCommands(text: string, asked: string, onKeys: () => void): Command[] {
  const { entity, project } = usePlace()
  const navigate = useNavigate()
  const at = { entity: entity ?? '', project: project ?? '' }
  const runs = useInfiniteQuery({
    ...runsQuery(at, { q: asked, sort: DEFAULT_SORT, columns: [] }),
    enabled: project !== undefined,
  })
  const collections = useInfiniteQuery({
    ...collectionsQuery(at, null, asked),
    enabled: project !== undefined,
  })
  const projects = useInfiniteQuery(projectsQuery(asked, null))

  return useMemo(() => {
    const actions: Command[] = [
      { id: 'projects', label: 'Projects', hint: 'g p', run: () => void navigate({ to: '/' }) },
      { id: 'registries', label: 'Registries', hint: '', run: () => void navigate({ to: '/registry' }) },
      { id: 'key', label: 'New API key', hint: '', run: () => void navigate({ to: '/authorize' }) },
      { id: 'light', label: 'Light theme', hint: 't', run: () => setTheme('light') },
      { id: 'dark', label: 'Dark theme', hint: 't', run: () => setTheme('dark') },
      { id: 'system', label: 'Theme like the system', hint: 't', run: () => setTheme('system') },
      { id: 'keys', label: 'Keyboard and mouse', hint: '?', run: onKeys },
    ]
    if (entity !== undefined && project !== undefined) {
      const params = { entity, project }
      actions.unshift(
        {
          id: 'media',
          label: 'Media',
          hint: 'g m',
          run: () => void navigate({ to: '/$entity/$project/media', params }),
        },
        {
          id: 'artifacts',
          label: 'Artifacts',
          hint: 'g a',
          run: () => void navigate({ to: '/$entity/$project/artifacts', params }),
        },
        {
          id: 'lineage',
          label: 'Lineage',
          hint: 'g l',
          run: () => void navigate({ to: '/$entity/$project/lineage', params }),
        },
        {
          id: 'storage',
          label: 'Storage and clean-up',
          hint: '',
          run: () => void navigate({ to: '/$entity/$project/settings/storage', params }),
        },
      )
    }
    const wanted = text.trim().toLowerCase()
    const foundRuns = runs.data?.pages[0]?.items.slice(0, MOST_RUNS) ?? []
    const foundProjects = projects.data?.pages[0]?.items.slice(0, MOST_PROJECTS) ?? []
    const foundCollections = collections.data?.pages[0]?.items.slice(0, MOST_COLLECTIONS) ?? []
    return [
      ...foundRuns.map((run) => ({
        id: `run ${run.id}`,
        label: run.name,
        hint: 'run',
        run: () =>
          void navigate({
            to: '/$entity/$project/runs/$run',
            params: { entity: run.entity, project: run.project, run: run.id },
          }),
      })),
      ...foundCollections.map((found) => ({
        id: `artifact ${found.name}`,
        label: found.name,
        hint: found.type,
        run: () =>
          void navigate({
            to: '/$entity/$project/artifacts/$',
            params: {
              entity: entity ?? '',
              project: project ?? '',
              _splat: artifactSplat({ type: found.type, collection: found.name }),
            },
          }),
      })),
      ...foundProjects.map((found) => ({
        id: `project ${found.entity}/${found.name}`,
        label: `${found.entity}/${found.name}`,
        hint: 'project',
        run: () =>
          void navigate({
            to: '/$entity/$project',
            params: { entity: found.entity, project: found.name },
          }),
      })),
      ...actions.filter(({ label }) => label.toLowerCase().includes(wanted)),
    ]
  }, [text, runs.data, collections.data, projects.data, entity, project, navigate, onKeys])
}
