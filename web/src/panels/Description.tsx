/** A description in Markdown, to read and to edit in place. */

import { useState } from 'react'
import { Button, IconButton } from '../ui/Button'
import { Markdown } from '../ui/Markdown'

interface DescriptionProps {
  text: string
  onSave: (text: string) => void
  readOnly?: boolean
}

export function Description({ text, onSave, readOnly = false }: DescriptionProps) {
  const [draft, setDraft] = useState<string | null>(null)
  const save = (): void => {
    if (draft !== null && draft !== text) onSave(draft)
    setDraft(null)
  }
  return (
    <section className="card" aria-label="Description">
      <header className="card-head">
        <h2>Description</h2>
        {draft === null && !readOnly && (
          <IconButton icon="pencil" label="Edit the description" onClick={() => setDraft(text)} />
        )}
      </header>
      {draft !== null ? (
        <div className="card-body description-edit">
          <textarea
            className="input"
            aria-label="Description in Markdown"
            autoFocus
            rows={Math.min(20, Math.max(5, draft.split('\n').length + 1))}
            value={draft}
            onChange={(event) => setDraft(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Escape') setDraft(null)
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) save()
            }}
          />
          <div className="dialog-actions">
            <span className="faint">Markdown · Ctrl Enter saves</span>
            <span className="topbar-space" />
            <Button onClick={() => setDraft(null)}>Cancel</Button>
            <Button look="primary" onClick={save}>
              Save
            </Button>
          </div>
        </div>
      ) : text === '' && readOnly ? (
        <p className="card-empty faint">None.</p>
      ) : text === '' ? (
        <p className="card-empty">
          <button type="button" className="link" onClick={() => setDraft('')}>
            Say what it is
          </button>
        </p>
      ) : (
        <div className="card-body">
          <Markdown>{text}</Markdown>
        </div>
      )}
    </section>
  )
}
