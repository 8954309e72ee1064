/** React's view of the live feed. */

import { useEffect, useRef, useSyncExternalStore } from 'react'
import { liveFeed, type LiveBatch, type LiveStatus } from './live'
import { liveUrl, type ProjectRef } from './queries'

/** Call `listener` with every batch of a project, if there is one; the latest `listener` counts. */
export function useLive(at: ProjectRef | null, listener: (batch: LiveBatch) => void): void {
  const latest = useRef(listener)
  useEffect(() => {
    latest.current = listener
  })
  const url = at === null ? null : liveUrl(at)
  useEffect(
    () => (url === null ? undefined : liveFeed(url).subscribe((batch) => latest.current(batch))),
    [url],
  )
}

export function useLiveStatus(at: ProjectRef): LiveStatus {
  const feed = liveFeed(liveUrl(at))
  return useSyncExternalStore(
    (listener) => feed.onStatus(listener),
    () => feed.status,
  )
}
