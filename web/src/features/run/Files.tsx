/** Files of a run: tree at the left, preview at the right; the chosen file is in the address. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useRef, useState, type KeyboardEvent } from 'react'
import { filesQuery, runFilePath, type RunRef } from '../../api/queries'
import { useLive } from '../../api/useLive'
import { toTree, type Folder } from '../../core/fileTree'
import { formatBytes, formatNumber, plural } from '../../core/format'
import type { RunFile } from '../../core/types'
import { FilePreview } from '../../panels/FilePreview'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Search } from '../../ui/Search'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { Name } from '../../ui/Text'
import { useAddress } from '../../ui/usePlace'

export function Files({ at }: { at: RunRef }) {
  const search = useAddress()
  const navigate = useNavigate()
  const query = useInfiniteQuery(filesQuery(at))
  const { refetch } = query
  const [find, setFind] = useState('')
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const timer = useRef(0)
  useLive(at, (batch) => {
    if ((!batch.files.has(at.run) && !batch.caughtUp) || timer.current !== 0) return
    timer.current = window.setTimeout(() => {
      timer.current = 0
      void refetch({ cancelRefetch: false })
    }, 1000)
  })
  const files = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  const total = query.data?.pages[0]?.total ?? 0
  const wanted = find.trim().toLowerCase()
  const found = wanted === '' ? files : files.filter((file) => file.name.toLowerCase().includes(wanted))
  const tree = toTree(found)
  const chosen = files.find((file) => file.name === search['file'])
  const choose = (file: RunFile): void => {
    void navigate({ to: '.', search: { file: file.name } })
  }

  if (query.error && files.length === 0) {
    return (
      <ErrorNote what="The files could not be listed" error={query.error} onRetry={() => void refetch()} />
    )
  }
  if (query.isPending) return <SkeletonRows rows={10} label="Loading files" />
  if (files.length === 0) return <EmptyState title="This run saved no files" />

  const toggle = (path: string): void => {
    const next = new Set(closed)
    if (!next.delete(path)) next.add(path)
    setClosed(next)
  }
  return (
    <div className="files">
      <div className="files-list">
        <div className="files-tools">
          <Search label="Filter files" placeholder="Filter files" value={find} onChange={setFind} />
          <span className="faint">
            {formatNumber(found.length)} · {formatBytes(tree.sizeBytes)}
          </span>
        </div>
        <div className="files-tree" role="tree" aria-label="Files" onKeyDown={moveFocus}>
          <Branch
            folder={tree}
            depth={0}
            closed={closed}
            onToggle={toggle}
            chosen={chosen?.name}
            onChoose={choose}
          />
          {query.hasNextPage && (
            <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Load more ({plural(total - files.length, 'file')} left)
            </Button>
          )}
        </div>
      </div>
      <div className="files-preview">
        {chosen ? (
          <FilePreview key={chosen.name} path={runFilePath(at, chosen.name)} file={chosen} />
        ) : (
          <EmptyState title={search['file'] === undefined ? 'Choose a file' : 'This file is not here'} />
        )}
      </div>
    </div>
  )
}

interface BranchProps {
  folder: Folder
  depth: number
  closed: ReadonlySet<string>
  onToggle: (path: string) => void
  chosen: string | undefined
  onChoose: (file: RunFile) => void
}

function Branch({ folder, depth, closed, onToggle, chosen, onChoose }: BranchProps) {
  const indent = { paddingLeft: 8 + depth * 16 }
  return (
    <>
      {folder.folders.map((child) => {
        const open = !closed.has(child.path)
        return (
          <div key={child.path} role="none">
            <button
              type="button"
              role="treeitem"
              aria-expanded={open}
              className="file-row"
              style={indent}
              onClick={() => onToggle(child.path)}
            >
              <Icon name={open ? 'chevronDown' : 'chevronRight'} size={12} />
              <Icon name="folder" />
              <Name>{child.name}</Name>
              <span className="file-size">{formatNumber(child.count)}</span>
            </button>
            {open && (
              <div role="group">
                <Branch
                  folder={child}
                  depth={depth + 1}
                  closed={closed}
                  onToggle={onToggle}
                  chosen={chosen}
                  onChoose={onChoose}
                />
              </div>
            )}
          </div>
        )
      })}
      {folder.files.map((file) => (
        <button
          key={file.name}
          type="button"
          role="treeitem"
          aria-selected={file.name === chosen}
          className="file-row"
          style={{ paddingLeft: indent.paddingLeft + 12 }}
          onClick={() => onChoose(file)}
        >
          <Icon name="file" />
          <Name>{file.name.slice(file.name.lastIndexOf('/') + 1)}</Name>
          <span className="file-size" title={`${formatNumber(file.size_bytes)} bytes`}>
            {formatBytes(file.size_bytes)}
          </span>
        </button>
      ))}
    </>
  )
}

function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('[role="treeitem"]')]
  const here = rows.indexOf(document.activeElement as HTMLElement)
  rows[here + (event.key === 'ArrowDown' ? 1 : -1)]?.focus()
  event.preventDefault()
}
