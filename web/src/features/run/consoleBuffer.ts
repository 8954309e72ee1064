/** Console lines by number, fetched in blocks where somebody looks. */

import { fetchConsole, type RunRef } from '../../api/queries'
import { stripAnsi } from '../../core/ansi'
import type { ConsoleLine, ConsolePage } from '../../core/types'

const BLOCK = 500
/** Progress bars rewrite their last lines; so many are asked for again when new ones come. */
const REWRITTEN = 20

export class ConsoleBuffer {
  readonly #at: RunRef
  readonly #lines = new Map<number, ConsoleLine>()
  readonly #asked = new Set<number>()
  readonly #listeners = new Set<() => void>()
  #total = 0
  #version = 0
  #error: Error | null = null
  #started = false

  constructor(at: RunRef) {
    this.#at = at
  }

  get total(): number {
    return this.#total
  }

  get error(): Error | null {
    return this.#error
  }

  get started(): boolean {
    return this.#started
  }

  /** Changes whenever lines do. */
  readonly version = (): number => this.#version

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  line(number: number): ConsoleLine | undefined {
    return this.#lines.get(number)
  }

  async loadTail(): Promise<void> {
    await this.#take(() => fetchConsole(this.#at, { tail: BLOCK }))
  }

  /** Lines were added: fetch them, and the last known ones again. */
  async grow(): Promise<void> {
    const start = Math.max(0, this.#total - REWRITTEN)
    await this.#take(() => fetchConsole(this.#at, { start, limit: 1000 }))
  }

  /** Make sure that lines `first` to `last` are there, or on their way. */
  ensure(first: number, last: number): void {
    for (let block = Math.floor(Math.max(0, first) / BLOCK); block * BLOCK <= last; block++) {
      if (this.#asked.has(block) || this.#complete(block)) continue
      this.#asked.add(block)
      void this.#take(() => fetchConsole(this.#at, { start: block * BLOCK, limit: BLOCK })).finally(() =>
        this.#asked.delete(block),
      )
    }
  }

  /** All lines, up to `most`, for searching. */
  async loadAll(most: number): Promise<void> {
    for (let block = 0; block * BLOCK < Math.min(this.#total, most); block++) {
      if (this.#complete(block)) continue
      await this.#take(() => fetchConsole(this.#at, { start: block * BLOCK, limit: BLOCK }))
      if (this.#error) return
    }
  }

  /** Numbers of the loaded lines that contain `text`, ascending. */
  search(text: string): number[] {
    const wanted = text.toLowerCase()
    return [...this.#lines.values()]
      .filter((line) => stripAnsi(line.text).toLowerCase().includes(wanted))
      .map((line) => line.number)
      .sort((a, b) => a - b)
  }

  /** Plain text of all loaded lines. */
  plainText(): string {
    return [...this.#lines.values()]
      .sort((a, b) => a.number - b.number)
      .map((line) => stripAnsi(line.text))
      .join('\n')
  }

  #complete(block: number): boolean {
    const end = Math.min(this.#total, (block + 1) * BLOCK)
    for (let number = block * BLOCK; number < end; number++) if (!this.#lines.has(number)) return false
    return true
  }

  async #take(fetch: () => Promise<ConsolePage>): Promise<void> {
    try {
      const page = await fetch()
      for (const line of page.items) this.#lines.set(line.number, line)
      this.#total = page.total
      this.#error = null
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error))
    }
    this.#started = true
    this.#version++
    for (const listener of this.#listeners) listener()
  }
}
