/** A button that opens a small card below itself. `Esc` or a click elsewhere closes it. */

import { useEffect, useId, useLayoutEffect, useRef, useState, type ReactNode } from 'react'
import { createPortal } from 'react-dom'
import { Icon, type IconName } from './Icon'

export interface PopoverProps {
  label: string
  /** What the button shows; an icon alone uses `label` as its name. */
  children?: ReactNode
  icon?: IconName
  className?: string
  role?: 'menu' | 'dialog' | 'listbox'
  caret?: boolean
  content: (close: () => void) => ReactNode
}

const EDGE = 8

export function Popover({
  label,
  children,
  icon,
  className = '',
  role = 'dialog',
  caret,
  content,
}: PopoverProps) {
  const [open, setOpen] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const id = useId()
  const close = (): void => {
    setOpen(false)
    button.current?.focus()
  }
  return (
    <>
      <button
        ref={button}
        type="button"
        className={children === undefined ? `icon-button ${className}` : `button is-plain ${className}`}
        aria-label={children === undefined ? label : undefined}
        title={label}
        aria-haspopup={role}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        {icon && <Icon name={icon} />}
        {children !== undefined && <span className="visually-hidden">{label}: </span>}
        {children}
        {(caret ?? children !== undefined) && <Icon name="chevronDown" size={12} />}
      </button>
      {open && button.current && (
        <Card
          id={id}
          label={label}
          role={role}
          anchor={button.current}
          onClose={close}
          onLeave={() => setOpen(false)}
        >
          {content(close)}
        </Card>
      )}
    </>
  )
}

interface CardProps {
  id: string
  label: string
  role: string
  anchor: HTMLElement
  onClose: () => void
  onLeave: () => void
  children: ReactNode
}

function Card({ id, label, role, anchor, onClose, onLeave, children }: CardProps) {
  const card = useRef<HTMLDivElement>(null)

  useLayoutEffect(() => {
    const node = card.current
    if (!node) return
    const at = anchor.getBoundingClientRect()
    const { width, height } = node.getBoundingClientRect()
    const left = at.left + width + EDGE > window.innerWidth ? at.right - width : at.left
    const below = at.bottom + 4
    const top = below + height + EDGE > window.innerHeight ? Math.max(EDGE, at.top - height - 4) : below
    node.style.left = `${Math.max(EDGE, left)}px`
    node.style.top = `${top}px`
    const first = node.querySelector<HTMLElement>('input, [role^="menuitem"], button, a[href]')
    ;(first ?? node).focus({ preventScroll: true })
  }, [anchor])

  useEffect(() => {
    const outside = (event: PointerEvent): void => {
      const target = event.target as Node
      if (!card.current?.contains(target) && !anchor.contains(target)) onLeave()
    }
    document.addEventListener('pointerdown', outside)
    return () => document.removeEventListener('pointerdown', outside)
  }, [anchor, onLeave])

  const onKeyDown = (event: React.KeyboardEvent): void => {
    // Keys typed here are not the page's shortcuts.
    event.stopPropagation()
    if (event.key === 'Escape') onClose()
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const items = [
        ...(card.current?.querySelectorAll<HTMLElement>('[role^="menuitem"], [role="option"], input') ?? []),
      ]
      const here = items.indexOf(document.activeElement as HTMLElement)
      const next = items[(here + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % items.length]
      if (next) {
        event.preventDefault()
        next.focus()
      }
    }
    if (event.key === 'Tab' && role === 'menu') onLeave()
  }

  return createPortal(
    <div
      ref={card}
      id={id}
      className="popover"
      role={role}
      aria-label={label}
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      {children}
    </div>,
    document.body,
  )
}
