/** A search field that reports after a pause in typing, and at once on Enter. */

import { useEffect, useRef, useState, type Ref } from 'react'
import { Icon } from './Icon'

interface SearchProps {
  label: string
  placeholder: string
  value: string
  onChange: (value: string) => void
  /** Key that focuses it, shown inside while empty. */
  hotkey?: string
  delayMs?: number
  className?: string
  ref?: Ref<HTMLInputElement>
}

export function Search({
  label,
  placeholder,
  value,
  onChange,
  hotkey,
  delayMs = 150,
  className = '',
  ref,
}: SearchProps) {
  const [text, setText] = useState(value)
  const [seen, setSeen] = useState(value)
  const [sent, setSent] = useState(value)
  const timer = useRef(0)
  // The address may change by other means, such as Back: then it wins over what was typed.
  if (value !== seen) {
    setSeen(value)
    if (value !== sent) setText(value)
  }
  useEffect(() => () => window.clearTimeout(timer.current), [])
  const settle = (next: string): void => {
    window.clearTimeout(timer.current)
    setSent(next)
    if (next !== value) onChange(next)
  }
  return (
    <label className={`search ${className}`}>
      <Icon name="search" />
      <input
        ref={ref}
        className="input"
        type="search"
        aria-label={label}
        placeholder={placeholder}
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          const next = event.target.value
          setText(next)
          window.clearTimeout(timer.current)
          timer.current = window.setTimeout(() => settle(next), delayMs)
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') settle(text)
          if (event.key === 'Escape') {
            if (text === '') event.currentTarget.blur()
            setText('')
            settle('')
          }
        }}
      />
      {hotkey !== undefined && text === '' && <kbd>{hotkey}</kbd>}
    </label>
  )
}
