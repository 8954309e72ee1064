/** Empty, loading and failed: what a place shows instead of its content. */

import { useEffect, useState, type ReactNode } from 'react'
import { Button } from './Button'

export function EmptyState({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** What failed, why, and what to do. The reason is the server's own sentence. */
export function ErrorNote({ what, error, onRetry }: { what: string; error: unknown; onRetry?: () => void }) {
  const reason = error instanceof Error ? error.message : String(error)
  const id = requestId(error)
  return (
    <div className="error-note" role="alert">
      <strong>{what}</strong>
      <p>
        <bdi>{reason}</bdi>
      </p>
      {id !== null && <p className="mono faint">request {id}</p>}
      {onRetry && <Button onClick={onRetry}>Retry</Button>}
    </div>
  )
}

/** True once `ms` have passed: quick answers get no loading sign. */
export function useDelayed(ms = 150): boolean {
  const [passed, setPassed] = useState(false)
  useEffect(() => {
    const timer = window.setTimeout(() => setPassed(true), ms)
    return () => window.clearTimeout(timer)
  }, [ms])
  return passed
}

/** Grey bars in the rows' final size. */
export function SkeletonRows({ rows, label }: { rows: number; label: string }) {
  const shown = useDelayed()
  return (
    <div className="skeleton-rows" role="status" aria-label={label}>
      {shown && Array.from({ length: rows }, (_, index) => <div key={index} className="skeleton-row" />)}
    </div>
  )
}

function requestId(error: unknown): string | null {
  if (error === null || typeof error !== 'object' || !('requestId' in error)) return null
  return typeof error.requestId === 'string' ? error.requestId : null
}
