/** A searchable list of keys, for sorting and for the value beside run names. */

import { nameMatcher } from '../core/sections'
import { formatNumber } from '../core/format'
import { MenuItems } from './Menu'

export interface KeyGroup {
  title: string
  keys: readonly { key: string; label: string }[]
  /** Keys that match, when only some of them are here. */
  total?: number
}

const MOST_SHOWN = 60

interface KeyPickerProps {
  groups: readonly KeyGroup[]
  find: string
  onFind: (find: string) => void
  current: string
  onPick: (key: string) => void
  onDone: () => void
}

export function KeyPicker({ groups, find, onFind, current, onPick, onDone }: KeyPickerProps) {
  const matcher = nameMatcher(find)
  const shown = groups
    .map((group) => {
      const keys = group.keys.filter(({ label }) => matcher.test(label))
      return { ...group, keys, more: Math.max(keys.length, group.total ?? 0) - MOST_SHOWN }
    })
    .filter((group) => group.keys.length > 0)
  return (
    <div className="key-picker">
      <input
        className="input"
        type="search"
        placeholder="Find a key"
        aria-label="Find a key"
        value={find}
        onChange={(event) => onFind(event.target.value)}
      />
      <div className="key-picker-list">
        {shown.map(({ title, keys, more }) => (
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
            {more > 0 && <div className="menu-title">{formatNumber(more)} more: search</div>}
          </div>
        ))}
        {shown.length === 0 && <div className="menu-title">No key matches</div>}
      </div>
    </div>
  )
}
