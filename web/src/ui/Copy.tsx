import { useState } from 'react'
import { Button, IconButton } from './Button'

/** Copies `text` and says so for two seconds. */
export function Copy({
  text,
  label,
  small = false,
}: {
  text: string | (() => string)
  label: string
  small?: boolean
}) {
  const [done, setDone] = useState<'no' | 'yes' | 'failed'>('no')
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(typeof text === 'string' ? text : text())
      setDone('yes')
    } catch {
      // Not a secure address, or refused: the text stays selectable.
      setDone('failed')
    }
    window.setTimeout(() => setDone('no'), 2000)
  }
  const onClick = (): void => {
    void copy()
  }
  if (small) {
    return (
      <IconButton
        className="is-small"
        icon={done === 'yes' ? 'check' : 'copy'}
        label={done === 'yes' ? 'Copied' : done === 'failed' ? 'Could not copy: select the text' : label}
        onClick={onClick}
      />
    )
  }
  return (
    <Button icon={done === 'yes' ? 'check' : 'copy'} onClick={onClick}>
      {done === 'yes' ? 'Copied' : done === 'failed' ? 'Select and copy' : label}
    </Button>
  )
}
