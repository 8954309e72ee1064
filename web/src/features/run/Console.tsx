/** The console of a run: virtual lines, ANSI colours, search, live tail. */

import { useVirtualizer } from '@tanstack/react-virtual'
import { memo, useEffect, useMemo, useRef, useState, useSyncExternalStore, type CSSProperties } from 'react'
import type { RunRef } from '../../api/queries'
import { useLive } from '../../api/useLive'
import { parseAnsi, type AnsiSpan } from '../../core/ansi'
import { formatBytes, formatNumber, plural } from '../../core/format'
import type { ConsoleLine } from '../../core/types'
import { Button, IconButton } from '../../ui/Button'
import { Copy } from '../../ui/Copy'
import { useKeys } from '../../ui/keys'
import { Search } from '../../ui/Search'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { ConsoleBuffer } from './consoleBuffer'

const LINE = 18
const MOST_SEARCHED = 50_000
const LONG_LINE = 10_000
/** Nearer to the end than this counts as standing at it, px. */
const END = 24

export function Console({ at, live }: { at: RunRef; live: boolean }) {
  const [buffer] = useState(() => new ConsoleBuffer(at))
  const version = useSyncExternalStore(buffer.subscribe, buffer.version)
  const scroller = useRef<HTMLDivElement>(null)
  const field = useRef<HTMLInputElement>(null)
  const [wrap, setWrap] = useState(false)
  const [times, setTimes] = useState(false)
  const [find, setFind] = useState('')
  const [hit, setHit] = useState(0)
  const [following, setFollowing] = useState(true)
  const [seenTotal, setSeenTotal] = useState(0)
  const { total } = buffer

  useEffect(() => {
    void buffer.loadTail()
  }, [buffer])
  useLive(at, (batch) => {
    if (batch.console.has(at.run) || batch.caughtUp) void buffer.grow()
  })

  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 30,
  })
  const items = virtual.getVirtualItems()
  const first = items[0]?.index ?? 0
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (total > 0) buffer.ensure(first, last)
  }, [buffer, first, last, total])

  // Follow only while at the end; a reader's place never moves.
  useEffect(() => {
    if (following && total > 0) virtual.scrollToIndex(total - 1, { align: 'end' })
  }, [following, total, virtual])
  const onScroll = (): void => {
    const node = scroller.current
    if (!node) return
    const atEnd = node.scrollHeight - node.scrollTop - node.clientHeight < END
    if (atEnd !== following) {
      setFollowing(atEnd)
      setSeenTotal(total)
    }
  }

  const hits = useMemo(
    () => (find === '' ? [] : buffer.search(find)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `version` stands for the buffer's content
    [buffer, find, version],
  )
  const go = (way: 1 | -1): void => {
    if (hits.length === 0) return
    const next = (hit + way + hits.length) % hits.length
    setHit(next)
    setFollowing(false)
    virtual.scrollToIndex(hits[next] ?? 0, { align: 'center' })
  }
  const search = (text: string): void => {
    setFind(text)
    setHit(0)
    if (text === '') return
    void buffer.loadAll(MOST_SEARCHED).then(() => {
      const [found] = buffer.search(text)
      if (found === undefined) return
      setFollowing(false)
      virtual.scrollToIndex(found, { align: 'center' })
    })
  }
  useKeys({
    '/': () => field.current?.focus(),
    n: () => go(1),
    'Shift+n': () => go(-1),
    w: () => setWrap(!wrap),
  })

  if (buffer.error && total === 0) {
    return (
      <ErrorNote
        what="The console could not be read"
        error={buffer.error}
        onRetry={() => void buffer.loadTail()}
      />
    )
  }
  if (!buffer.started) return <SkeletonRows rows={12} label="Loading the console" />
  if (total === 0)
    return <EmptyState title={live ? 'Running, nothing printed yet' : 'This run printed nothing'} />
  const unseen = following ? 0 : total - seenTotal
  const current = hits[hit]
  return (
    <div className="console">
      <div className="toolbar" role="toolbar" aria-label="Console">
        <Search
          ref={field}
          label="Find in the console"
          placeholder="Find"
          hotkey="/"
          value={find}
          onChange={search}
          className="toolbar-find"
        />
        {find !== '' && (
          <span className="console-hits">
            <span role="status">
              {hits.length === 0 ? 'not found' : `${formatNumber(hit + 1)} of ${formatNumber(hits.length)}`}
              {total > MOST_SEARCHED && ` in the first ${formatNumber(MOST_SEARCHED)} lines`}
            </span>
            <IconButton icon="chevronDown" label="Next (n)" className="is-small" onClick={() => go(1)} />
            <IconButton
              icon="chevronDown"
              label="Previous (N)"
              className="is-small is-up"
              onClick={() => go(-1)}
            />
          </span>
        )}
        <span className="toolbar-space" />
        {buffer.error && <span className="is-err">Not refreshed: {buffer.error.message}</span>}
        <span className="faint">{plural(total, 'line')}</span>
        <Button icon="wrap" pressed={wrap} onClick={() => setWrap(!wrap)} title="Wrap long lines (w)">
          Wrap
        </Button>
        <Button icon="clock" pressed={times} onClick={() => setTimes(!times)}>
          Time
        </Button>
        <Copy text={() => buffer.plainText()} label="Copy" />
      </div>
      <div
        ref={scroller}
        className={`console-lines ${wrap ? 'is-wrapped' : ''}`}
        role="log"
        aria-label="Console output"
        aria-live="off"
        tabIndex={0}
        data-testid="console"
        onScroll={onScroll}
        style={{ '--digits': String(total).length } as CSSProperties}
      >
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map(({ index, start, key }) => (
            <div
              key={key}
              ref={wrap ? virtual.measureElement : undefined}
              data-index={index}
              className={`console-line ${index === current ? 'is-current' : ''}`}
              style={{ transform: `translateY(${start}px)` }}
            >
              <Line number={index} line={buffer.line(index)} times={times} />
            </div>
          ))}
        </div>
      </div>
      {unseen > 0 && (
        <button type="button" className="console-more" onClick={() => setFollowing(true)}>
          ▼ {plural(unseen, 'new line')}
        </button>
      )}
    </div>
  )
}

interface LineProps {
  number: number
  line: ConsoleLine | undefined
  times: boolean
}

const Line = memo(function Line({ number, line, times }: LineProps) {
  const [all, setAll] = useState(false)
  const text = line?.text ?? ''
  const cut = !all && text.length > LONG_LINE
  const spans = parseAnsi(cut ? text.slice(0, LONG_LINE) : text)
  return (
    <>
      <span className="console-number">{number + 1}</span>
      {times && <span className="console-time">{clock(line?.timestamp ?? null)}</span>}
      {line?.label != null && <span className="console-label">{line.label}</span>}
      <bdi className={`console-text ${line?.level === 'error' ? 'is-error' : ''}`}>
        {spans.map((span, index) => (
          <span key={index} className={classOf(span)}>
            {span.text}
          </span>
        ))}
        {cut && (
          <button type="button" className="link" onClick={() => setAll(true)}>
            … show {formatBytes(text.length)}
          </button>
        )}
      </bdi>
    </>
  )
})

function classOf(span: AnsiSpan): string | undefined {
  const names = [
    span.color && `ansi-${span.color}`,
    span.background && `ansi-bg-${span.background}`,
    span.bold && 'is-bold',
    span.dim && 'is-dim',
    span.italic && 'is-italic',
    span.underline && 'is-underlined',
  ].filter((name) => typeof name === 'string')
  return names.length > 0 ? names.join(' ') : undefined
}

function clock(iso: string | null): string {
  if (iso === null) return '        '
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? '        ' : date.toTimeString().slice(0, 8)
}
