/** The difference of two images, computed by a worker. */

import { useEffect, useRef, useState } from 'react'
import type { DifferenceReply, DifferenceRequest } from './differenceMessages'

/** The worker's last answer; the one before stays until it comes. */
export function useDifference(a: string | null, b: string | null): DifferenceReply | null {
  const worker = useRef<Worker | null>(null)
  const asked = useRef(0)
  const [reply, setReply] = useState<DifferenceReply | null>(null)

  useEffect(() => {
    const started = new Worker(new URL('./difference.worker.ts', import.meta.url), { type: 'module' })
    worker.current = started
    started.addEventListener('message', ({ data }: MessageEvent<DifferenceReply>) => {
      // Answers that are overtaken while somebody slides are not shown.
      if (data.number === asked.current) setReply(data)
      else if (data.failed === null) data.bitmap.close()
    })
    started.addEventListener('error', (event) =>
      setReply({ number: asked.current, failed: event.message || 'the comparison could not be started' }),
    )
    return () => started.terminate()
  }, [])
  useEffect(() => {
    if (a === null || b === null) return
    asked.current++
    const here = (url: string): string => new URL(url, window.location.href).href
    const request: DifferenceRequest = { number: asked.current, a: here(a), b: here(b) }
    worker.current?.postMessage(request)
  }, [a, b])
  return a === null || b === null ? null : reply
}
