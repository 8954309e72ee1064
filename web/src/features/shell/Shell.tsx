/** The frame of every page: who is signed in, where one is, theme, keys and the connection. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { sessionQuery, signOut } from '../../api/queries'
import { useLiveStatus } from '../../api/useLive'
import { registryOf } from '../../core/registries'
import { Boundary } from '../../ui/Boundary'
import { IconButton } from '../../ui/Button'
import { useNow } from '../../ui/Ago'
import { Icon } from '../../ui/Icon'
import { useKeys } from '../../ui/keys'
import { Menu } from '../../ui/Menu'
import { ErrorNote } from '../../ui/States'
import { Toasts } from '../../ui/Toasts'
import { Name } from '../../ui/Text'
import { cycleTheme, setTheme, useTheme, type ThemeChoice } from '../../ui/theme'
import { KeysDialog } from './KeysDialog'
import { Palette } from './Palette'
import { usePlace } from '../../ui/usePlace'

export function Shell() {
  const session = useQuery(sessionQuery)
  const { pathname } = useLocation()
  const navigate = useNavigate()
  const [keysShown, setKeysShown] = useState(false)
  const [paletteShown, setPaletteShown] = useState(false)
  const { entity, project } = usePlace()
  const open = pathname === '/login' || pathname.startsWith('/login/')
  const signedOut = session.data === null && !open

  const projectKeys = (params: { entity: string; project: string }) => ({
    'g a': () => void navigate({ to: '/$entity/$project/artifacts', params }),
    'g l': () => void navigate({ to: '/$entity/$project/lineage', params }),
    'g m': () => void navigate({ to: '/$entity/$project/media', params }),
    'g w': () => void navigate({ to: '/$entity/$project', params }),
    'g p': () => void navigate({ to: '/' }),
  })
  useEffect(() => {
    if (!signedOut) return
    const target = window.location.pathname + window.location.search
    void navigate({ to: '/login', search: target === '/' ? {} : { next: target }, replace: true })
  }, [signedOut, navigate])

  useKeys({
    t: cycleTheme,
    '?': () => setKeysShown((shown) => !shown),
    'Ctrl+k': () => setPaletteShown(true),
    ...(entity === undefined || project === undefined ? {} : projectKeys({ entity, project })),
  })

  if (open) return <Outlet />
  if (session.error) {
    return (
      <div className="page-middle">
        <ErrorNote
          what="Kymograph could not start"
          error={session.error}
          onRetry={() => void session.refetch()}
        />
      </div>
    )
  }
  return (
    <div className="shell">
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <TopBar
        username={session.data?.user.username ?? null}
        onKeys={() => setKeysShown(true)}
        onSearch={() => setPaletteShown(true)}
      />
      <main id="main" className="shell-main" tabIndex={-1}>
        {/* The page asks for its data while the session is still on its way. */}
        {!signedOut && (
          <Boundary key={pageOf(pathname)} what="This page">
            <Outlet />
          </Boundary>
        )}
      </main>
      <Toasts />
      {paletteShown && <Palette onClose={() => setPaletteShown(false)} onKeys={() => setKeysShown(true)} />}
      {keysShown && <KeysDialog onClose={() => setKeysShown(false)} />}
    </div>
  )
}

/** Addresses that one page shows: the artifact browser keeps its lists while one goes from version to version. */
function pageOf(pathname: string): string {
  const segments = pathname.split('/')
  return segments[3] === 'artifacts' ? segments.slice(0, 4).join('/') : pathname
}

interface TopBarProps {
  username: string | null
  onKeys: () => void
  onSearch: () => void
}

function TopBar({ username, onKeys, onSearch }: TopBarProps) {
  const { entity, project, run, organization, registry } = usePlace()
  return (
    <header className="topbar">
      <Link to="/" className="topbar-brand">
        <img src="/assets/kymograph.svg" alt="" width={20} height={20} />
        Kymograph
      </Link>
      <nav className="crumbs" aria-label="Place">
        {registry !== undefined && (
          <>
            <bdi>{organization}</bdi>
            <span className="faint">/</span>
            <Name>{registry}</Name>
          </>
        )}
        {entity !== undefined && (
          <Link to="/$entity" params={{ entity }}>
            <Name>{entity}</Name>
          </Link>
        )}
        {entity !== undefined && project !== undefined && (
          <>
            <span className="faint">/</span>
            <Link to="/$entity/$project" params={{ entity, project }} activeOptions={{ exact: true }}>
              <Name>{project}</Name>
            </Link>
            {run !== undefined && <span className="faint">/ run</span>}
          </>
        )}
      </nav>
      {project === undefined && <Lists />}
      {entity !== undefined && project !== undefined && <ProjectPages entity={entity} project={project} />}
      <span className="topbar-space" />
      {entity !== undefined && project !== undefined && <LiveNotice entity={entity} project={project} />}
      <button type="button" className="search-button" onClick={onSearch}>
        <Icon name="search" size={14} />
        Search or jump
        <kbd>Ctrl K</kbd>
      </button>
      <ThemeMenu />
      <IconButton icon="help" label="Keyboard shortcuts (?)" onClick={onKeys} />
      {username !== null && <UserMenu username={username} />}
    </header>
  )
}

function Lists() {
  return (
    <nav className="project-pages" aria-label="Lists">
      <Link to="/" activeOptions={{ exact: true, includeSearch: false }}>
        Projects
      </Link>
      <Link to="/registry" activeOptions={{ includeSearch: false }}>
        Registries
      </Link>
    </nav>
  )
}

function ProjectPages({ entity, project }: { entity: string; project: string }) {
  const params = { entity, project }
  const registry = registryOf(project)
  return (
    <nav className="project-pages" aria-label="Pages of the project">
      {registry === null ? (
        <>
          <Link to="/$entity/$project" params={params} activeOptions={{ exact: true, includeSearch: false }}>
            Workspace
          </Link>
          <Link to="/$entity/$project/media" params={params} activeOptions={{ includeSearch: false }}>
            Media
          </Link>
        </>
      ) : (
        <Link to="/registry/$organization/$registry" params={{ organization: entity, registry }}>
          Registry
        </Link>
      )}
      <Link to="/$entity/$project/artifacts" params={params} activeOptions={{ includeSearch: false }}>
        Artifacts
      </Link>
      {registry === null && (
        <>
          <Link to="/$entity/$project/lineage" params={params} activeOptions={{ includeSearch: false }}>
            Lineage
          </Link>
          <Link
            to="/$entity/$project/settings/storage"
            params={params}
            activeOptions={{ includeSearch: false }}
          >
            Storage
          </Link>
        </>
      )}
    </nav>
  )
}

function LiveNotice({ entity, project }: { entity: string; project: string }) {
  const status = useLiveStatus({ entity, project })
  const now = useNow()
  if (status.kind !== 'lost') return null
  const seconds = Math.max(0, Math.round((now - status.sinceMs) / 1000))
  return (
    <span className="live-lost" role="status">
      <span className="live-dot" /> Live paused {seconds > 0 ? `${seconds} s ago` : 'just now'} · retrying
    </span>
  )
}

const THEMES: readonly { choice: ThemeChoice; label: string }[] = [
  { choice: 'system', label: 'Like the system' },
  { choice: 'light', label: 'Light' },
  { choice: 'dark', label: 'Dark' },
]

function ThemeMenu() {
  const theme = useTheme()
  return (
    <Menu
      icon={theme === 'light' ? 'sun' : theme === 'dark' ? 'moon' : 'system'}
      label="Theme (t)"
      items={THEMES.map(({ choice, label }) => ({
        label,
        checked: theme === choice,
        onSelect: () => setTheme(choice),
      }))}
    />
  )
}

function UserMenu({ username }: { username: string }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const leave = async (): Promise<void> => {
    await signOut()
    client.clear()
    client.setQueryData(sessionQuery.queryKey, null)
    await navigate({ to: '/login' })
  }
  return (
    <Menu
      label={`Signed in as ${username}`}
      className="user-button"
      items={[
        { label: `Projects of ${username}`, onSelect: () => void navigate({ to: '/' }) },
        { label: 'New API key', onSelect: () => void navigate({ to: '/authorize' }) },
        { label: 'Sign out', onSelect: () => void leave() },
      ]}
    >
      <Icon name="user" />
      <bdi>{username}</bdi>
    </Menu>
  )
}
