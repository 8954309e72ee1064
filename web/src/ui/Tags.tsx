import { useState } from 'react'
import { IconButton } from './Button'
import { Name } from './Text'

interface TagsProps {
  tags: readonly string[]
  onChange: (tags: string[]) => void
  /** What one of them is called. */
  noun?: string
}

export function Tags({ tags, onChange, noun = 'tag' }: TagsProps) {
  const [draft, setDraft] = useState<string | null>(null)
  const add = (): void => {
    const tag = draft?.trim() ?? ''
    setDraft(null)
    if (tag !== '' && !tags.includes(tag)) onChange([...tags, tag])
  }
  return (
    <span className="tags">
      {tags.map((tag) => (
        <span key={tag} className="chip">
          <Name>{tag}</Name>
          <button
            type="button"
            aria-label={`Remove ${noun} ${tag}`}
            onClick={() => onChange(tags.filter((other) => other !== tag))}
          >
            ×
          </button>
        </span>
      ))}
      {draft === null ? (
        <button
          type="button"
          className="chip is-add"
          aria-label={`Add: ${noun}`}
          title={`Add: ${noun}`}
          onClick={() => setDraft('')}
        >
          + {noun}
        </button>
      ) : (
        <>
          <input
            className="input is-tag"
            aria-label={`New ${noun}`}
            autoFocus
            value={draft}
            onChange={(event) => setDraft(event.target.value)}
            onBlur={add}
            onKeyDown={(event) => {
              if (event.key === 'Enter') add()
              if (event.key === 'Escape') setDraft(null)
            }}
          />
          <IconButton className="is-small" icon="check" label="Add" onClick={add} />
        </>
      )}
    </span>
  )
}
