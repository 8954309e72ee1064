/** Files of a version: folders are asked for when they are opened, so that a million of them cost nothing. */

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState, type KeyboardEvent } from 'react'
import {
  artifactFilePath,
  artifactRowsPath,
  entryQuery,
  folderQuery,
  type VersionRef,
} from '../../api/artifacts'
import { apiUrl } from '../../api/http'
import { artifactSplat, type FolderItem, type VersionDetail } from '../../core/artifacts'
import { formatBytes, formatNumber, plural } from '../../core/format'
import { FilePreview } from '../../panels/FilePreview'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { moveAmongRows } from '../../ui/rows'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { Name, Text } from '../../ui/Text'

interface VersionFilesProps {
  at: VersionRef
  version: VersionDetail
  file: string | undefined
}

export function VersionFiles({ at, version, file }: VersionFilesProps) {
  const navigate = useNavigate()
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(foldersOf(file ?? '')))
  const choose = (item: FolderItem): void => {
    const splat = artifactSplat({
      type: version.type,
      collection: at.collection,
      version: at.version,
      tab: 'files',
      file: item.path,
    })
    void navigate({
      to: '/$entity/$project/artifacts/$',
      params: { entity: at.entity, project: at.project, _splat: splat },
      replace: file !== undefined,
    })
  }
  const toggle = (path: string, wanted?: boolean): void => {
    const next = new Set(open)
    if (wanted ?? !next.has(path)) next.add(path)
    else next.delete(path)
    setOpen(next)
  }
  if (version.file_count === 0) return <EmptyState title="This version has no files" />
  return (
    <div className="files">
      <div className="files-list">
        <div className="files-tools">
          <span className="faint">
            {plural(version.file_count, 'file')} · {formatBytes(version.size_bytes)} · own{' '}
            {formatBytes(version.own_bytes)}
          </span>
        </div>
        <div
          className="files-tree"
          role="tree"
          aria-label="Files"
          onKeyDown={(event) => onTreeKey(event, (path, wanted) => toggle(path, wanted))}
        >
          <FolderRows
            at={at}
            folder=""
            depth={0}
            open={open}
            onToggle={toggle}
            chosen={file}
            onChoose={choose}
          />
        </div>
      </div>
      <div className="files-preview">
        {file === undefined ? (
          <EmptyState title="Choose a file" />
        ) : (
          <Chosen key={file} at={at} path={file} />
        )}
      </div>
    </div>
  )
}

function Chosen({ at, path }: { at: VersionRef; path: string }) {
  const query = useQuery(entryQuery(at, path))
  if (query.error) {
    return (
      <ErrorNote
        what="The file could not be opened"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  const item = query.data?.items[0]
  return item ? <Preview at={at} item={item} /> : <SkeletonRows rows={6} label="Loading the file" />
}

function Preview({ at, item }: { at: VersionRef; item: FolderItem }) {
  if (item.is_reference) {
    return (
      <div className="files-body" data-testid="file-preview">
        <h2>
          <Name>{item.path}</Name>
        </h2>
        <p className="faint">A reference: its bytes stay where they are, and this server has none of them.</p>
        <dl className="facts">
          <div>
            <dt>Size</dt>
            <dd>{formatBytes(item.size_bytes)}</dd>
          </div>
          <div>
            <dt>Checksum</dt>
            <dd className="mono">
              <Text>{item.digest ?? ''}</Text>
            </dd>
          </div>
        </dl>
      </div>
    )
  }
  return (
    <FilePreview
      path={artifactFilePath(at, item.path)}
      rowsPath={artifactRowsPath(at, item.path)}
      mediaUrl={(path) => apiUrl(artifactFilePath(at, path))}
      file={{ name: item.path, size_bytes: item.size_bytes, mimetype: item.mimetype, md5: item.digest }}
    />
  )
}

interface FolderRowsProps {
  at: VersionRef
  folder: string
  depth: number
  open: ReadonlySet<string>
  onToggle: (path: string) => void
  chosen: string | undefined
  onChoose: (item: FolderItem) => void
}

function FolderRows(props: FolderRowsProps) {
  const { at, folder, depth, open, onToggle, chosen, onChoose } = props
  const query = useInfiniteQuery(folderQuery(at, folder))
  const items = query.data?.pages.flatMap((page) => page.items) ?? []
  const paddingLeft = 8 + depth * 16
  if (query.error) {
    return (
      <ErrorNote
        what="This folder could not be listed"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (query.isPending) return <SkeletonRows rows={depth === 0 ? 8 : 2} label="Loading the folder" />
  return (
    <>
      {items.map((item) =>
        item.kind === 'folder' ? (
          <div key={item.path} role="none">
            <button
              type="button"
              role="treeitem"
              aria-expanded={open.has(item.path)}
              data-folder={item.path}
              className="file-row"
              style={{ paddingLeft }}
              onClick={() => onToggle(item.path)}
            >
              <Icon name={open.has(item.path) ? 'chevronDown' : 'chevronRight'} size={12} />
              <Icon name="folder" />
              <Name>{item.name}</Name>
              <span className="file-count">{formatNumber(item.files)}</span>
              <span className="file-size">{formatBytes(item.size_bytes)}</span>
            </button>
            {open.has(item.path) && (
              <div role="group">
                <FolderRows {...props} folder={item.path} depth={depth + 1} />
              </div>
            )}
          </div>
        ) : (
          <button
            key={item.path}
            type="button"
            role="treeitem"
            aria-selected={item.path === chosen}
            className="file-row"
            style={{ paddingLeft: paddingLeft + 18 }}
            onClick={() => onChoose(item)}
          >
            <Icon name="file" />
            <Name>{item.name}</Name>
            {item.is_reference && <span className="file-count">reference</span>}
            <span className="file-size" title={`${formatNumber(item.size_bytes)} bytes`}>
              {formatBytes(item.size_bytes)}
            </span>
          </button>
        ),
      )}
      {query.hasNextPage && (
        <Button
          className="is-bare"
          style={{ marginLeft: paddingLeft + 12 }}
          disabled={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more after {formatNumber(items.length)}
        </Button>
      )}
    </>
  )
}

/** Up and down among rows; right opens a folder, left closes it or goes to the folder around. */
function onTreeKey(event: KeyboardEvent<HTMLElement>, toggle: (path: string, wanted: boolean) => void): void {
  if (moveAmongRows(event, '[role="treeitem"]')) return
  const row = document.activeElement
  if (!(row instanceof HTMLElement) || (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft')) return
  const folder = row.dataset['folder']
  const isOpen = row.getAttribute('aria-expanded') === 'true'
  event.preventDefault()
  if (folder !== undefined && isOpen !== (event.key === 'ArrowRight'))
    toggle(folder, event.key === 'ArrowRight')
  else if (event.key === 'ArrowLeft')
    row.closest('[role="group"]')?.parentElement?.querySelector<HTMLElement>('[role="treeitem"]')?.focus()
}

/** `a/`, `a/b/` for `a/b/c.txt`. */
function foldersOf(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, index) => `${parts.slice(0, index + 1).join('/')}/`)
}
