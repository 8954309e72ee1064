import { useState } from 'react'
import { Name } from '../../ui/Text'

/** A name that becomes a field when clicked. Enter saves, Esc leaves it. */
export function EditableName({ name, onChange }: { name: string; onChange: (name: string) => void }) {
  const [draft, setDraft] = useState<string | null>(null)
  if (draft === null) {
    return (
      <button type="button" className="editable" title="Rename" onClick={() => setDraft(name)}>
        <Name>{name}</Name>
      </button>
    )
  }
  const save = (): void => {
    setDraft(null)
    const next = draft.trim()
    if (next !== '' && next !== name) onChange(next)
  }
  return (
    <input
      className="input"
      aria-label="Run name"
      autoFocus
      value={draft}
      size={Math.min(60, Math.max(12, draft.length))}
      onChange={(event) => setDraft(event.target.value)}
      onBlur={save}
      onKeyDown={(event) => {
        if (event.key === 'Enter') save()
        if (event.key === 'Escape') setDraft(null)
      }}
    />
  )
}
