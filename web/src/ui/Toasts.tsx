import { useEffect, useState } from 'react'
import { IconButton } from './Button'
import { closeToast, useToasts, type Toast } from './toasts'

const SHOWN_MS = 6000

export function Toasts() {
  const toasts = useToasts()
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <Line key={toast.id} toast={toast} />
      ))}
    </div>
  )
}

/** One remark; time stands still while the pointer or the focus is on it. */
function Line({ toast }: { toast: Toast }) {
  const [held, setHeld] = useState(false)
  useEffect(() => {
    if (held || toast.failed) return
    const timer = window.setTimeout(() => closeToast(toast.id), SHOWN_MS)
    return () => window.clearTimeout(timer)
  }, [held, toast])
  const { action } = toast
  return (
    <div
      className={`toast ${toast.failed ? 'is-failed' : ''}`}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <bdi className="clip">{toast.text}</bdi>
      {action && (
        <button
          type="button"
          className="link"
          onClick={() => {
            closeToast(toast.id)
            action.run()
          }}
        >
          {action.label}
        </button>
      )}
      <IconButton className="is-small" icon="close" label="Close" onClick={() => closeToast(toast.id)} />
    </div>
  )
}
