/** A searchable list of keys, for sorting and for the value beside run names. */

import { useState } from 'react'
import { nameMatcher } from '../core/sections'
import { MenuItems } from './Menu'

export interface KeyGroup {
  title: string
  keys: readonly { key: string; label: string }[]
}

const MOST_SHOWN = 60

interface KeyPickerProps {
  groups: readonly KeyGroup[]
  current: string
  onPick: (key: string) => void
  onDone: () => void
}

export function KeyPicker({ groups, current, onPick, onDone }: KeyPickerProps) {
  const [find, setFind] = useState('')
  const matcher = nameMatcher(find)
  const shown = groups
    .map((group) => ({ ...group, keys: group.keys.filter(({ label }) => matcher.test(label)) }))
    .filter((group) => group.keys.length > 0)
  return (
    <div className="key-picker">
      <input
        className="input"
        type="search"
        placeholder="Find a key"
        aria-label="Find a key"
        value={find}
        onChange={(event) => setFind(event.target.value)}
      />
      <div className="key-picker-list">
        {shown.map(({ title, keys }) => (
          <div key={title} role="group" aria-label={title}>
            <div className="menu-title">{title}</div>
            <MenuItems
              items={keys.slice(0, MOST_SHOWN).map(({ key, label }) => ({
                label,
                checked: key === current,
                onSelect: () => onPick(key),
              }))}
              onDone={onDone}
            />
            {keys.length > MOST_SHOWN && (
              <div className="menu-title">{keys.length - MOST_SHOWN} more: search</div>
            )}
          </div>
        ))}
        {shown.length === 0 && <div className="menu-title">No key matches</div>}
      </div>
    </div>
  )
}
