/**
 * Live updates of one project by server-sent events.
 *
 * Events are merged and handed over at most twice a second; a hidden tab gets them when it is shown again.
 * After a lost connection everything counts as changed once, since what was missed is unknown.
 */

import type { HistoryEvent, RunBase } from '../core/types'

export interface LiveBatch {
  /** Runs that appeared or whose state, name or tags changed. */
  runs: ReadonlyMap<string, RunBase>
  history: ReadonlyMap<string, HistoryEvent>
  summary: ReadonlySet<string>
  system: ReadonlySet<string>
  /** Console length by run. */
  console: ReadonlyMap<string, number>
  files: ReadonlySet<string>
  gone: ReadonlySet<string>
  /** The connection came back: ask again for anything on screen. */
  caughtUp: boolean
}

export type LiveStatus = { kind: 'connecting' } | { kind: 'open' } | { kind: 'lost'; sinceMs: number }

type Listener = (batch: LiveBatch) => void

const FLUSH_MS = 500

export class LiveFeed {
  readonly #url: string
  readonly #listeners = new Set<Listener>()
  readonly #statusListeners = new Set<() => void>()
  #source: EventSource | null = null
  #status: LiveStatus = { kind: 'connecting' }
  #pending = emptyBatch()
  #dirty = false
  #timer: number | undefined

  constructor(url: string) {
    this.#url = url
  }

  get status(): LiveStatus {
    return this.#status
  }

  /** Listen to batches; the connection lives while anybody listens. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    if (this.#source === null) this.#open()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#close()
    }
  }

  onStatus(listener: () => void): () => void {
    this.#statusListeners.add(listener)
    return () => this.#statusListeners.delete(listener)
  }

  #open(): void {
    const source = new EventSource(this.#url)
    this.#source = source
    const on = (name: string, take: (data: never) => void): void => {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        take(JSON.parse(event.data) as never)
        this.#schedule()
      })
    }
    on('run', (run: RunBase) => this.#pending.runs.set(run.id, run))
    on('history', (event: HistoryEvent) => this.#pending.history.set(event.run, event))
    on('summary', ({ run }: { run: string }) => this.#pending.summary.add(run))
    on('system', ({ run }: { run: string }) => this.#pending.system.add(run))
    on('console', ({ run, total }: { run: string; total: number }) => this.#pending.console.set(run, total))
    on('files', ({ run }: { run: string }) => this.#pending.files.add(run))
    on('gone', ({ run }: { run: string }) => this.#pending.gone.add(run))
    source.addEventListener('open', () => {
      if (this.#status.kind === 'lost') {
        this.#pending.caughtUp = true
        this.#schedule()
      }
      this.#setStatus({ kind: 'open' })
    })
    source.addEventListener('error', () => {
      if (this.#status.kind !== 'lost') this.#setStatus({ kind: 'lost', sinceMs: Date.now() })
      // The browser retries by itself unless the answer was final, such as after a restart of a proxy.
      if (source.readyState === EventSource.CLOSED) {
        window.setTimeout(() => {
          if (this.#source === source) this.#open()
        }, 2000)
      }
    })
    document.addEventListener('visibilitychange', this.#flushIfVisible)
  }

  #close(): void {
    this.#source?.close()
    this.#source = null
    this.#status = { kind: 'connecting' }
    window.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pending = emptyBatch()
    document.removeEventListener('visibilitychange', this.#flushIfVisible)
  }

  #schedule(): void {
    this.#dirty = true
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined
      this.#flushIfVisible()
    }, FLUSH_MS)
  }

  readonly #flushIfVisible = (): void => {
    if (document.hidden || !this.#dirty) return
    const batch = this.#pending
    this.#pending = emptyBatch()
    this.#dirty = false
    for (const listener of this.#listeners) listener(batch)
  }

  #setStatus(status: LiveStatus): void {
    this.#status = status
    for (const listener of this.#statusListeners) listener()
  }
}

interface PendingBatch {
  runs: Map<string, RunBase>
  history: Map<string, HistoryEvent>
  summary: Set<string>
  system: Set<string>
  console: Map<string, number>
  files: Set<string>
  gone: Set<string>
  caughtUp: boolean
}

function emptyBatch(): PendingBatch {
  return {
    runs: new Map(),
    history: new Map(),
    summary: new Set(),
    system: new Set(),
    console: new Map(),
    files: new Set(),
    gone: new Set(),
    caughtUp: false,
  }
}

const feeds = new Map<string, LiveFeed>()

/** One connection per address, however many parts of the page listen. */
export function liveFeed(url: string): LiveFeed {
  const existing = feeds.get(url)
  if (existing) return existing
  const feed = new LiveFeed(url)
  feeds.set(url, feed)
  return feed
}
