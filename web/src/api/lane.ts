/** A waiting line for requests: at most six at a time, the most urgent first, none that nobody wants. */

interface Waiting {
  urgency: number
  start: () => void
}

export class Lane {
  readonly #width: number
  readonly #waiting: Waiting[] = []
  #running = 0

  constructor(width: number) {
    this.#width = width
  }

  /**
   * Run `task` when there is room.
   *
   * @param urgency Lower goes first; equal ones in order of arrival.
   * @param signal Aborting a waiting task removes it; a running one must listen itself.
   */
  async run<T>(urgency: number, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    await this.#enter(urgency, signal)
    try {
      return await task()
    } finally {
      this.#running--
      this.#waiting.shift()?.start()
    }
  }

  #enter(urgency: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#running < this.#width) {
      this.#running++
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1)
        reject(signal.reason as Error)
      }
      const entry: Waiting = {
        urgency,
        start: () => {
          signal.removeEventListener('abort', abandon)
          this.#running++
          resolve()
        },
      }
      signal.addEventListener('abort', abandon, { once: true })
      const before = this.#waiting.findIndex((other) => other.urgency > urgency)
      this.#waiting.splice(before === -1 ? this.#waiting.length : before, 0, entry)
    })
  }
}
