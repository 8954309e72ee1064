/** A menu of actions or choices. */

import type { ReactNode } from 'react'
import { Icon, type IconName } from './Icon'
import { Popover } from './Popover'

export interface MenuItem {
  label: string
  onSelect: () => void
  /** Set for a choice: whether it is the current one. */
  checked?: boolean
  /** Key or remark at the right. */
  hint?: string
  danger?: boolean
  disabled?: boolean
}

interface MenuProps {
  label: string
  items: readonly MenuItem[]
  children?: ReactNode
  icon?: IconName
  className?: string
}

export function Menu({ label, items, children, icon, className = '' }: MenuProps) {
  return (
    <Popover
      label={label}
      role="menu"
      className={className}
      {...(icon ? { icon } : {})}
      {...(children === undefined ? {} : { children })}
      content={(close) => <MenuItems items={items} onDone={close} />}
    />
  )
}

export function MenuItems({ items, onDone }: { items: readonly MenuItem[]; onDone: () => void }) {
  return items.map((item) => (
    <button
      key={item.label}
      type="button"
      role={item.checked === undefined ? 'menuitem' : 'menuitemradio'}
      aria-checked={item.checked}
      className={`menu-item ${item.danger ? 'is-danger' : ''}`}
      disabled={item.disabled}
      onClick={() => {
        onDone()
        item.onSelect()
      }}
    >
      {item.checked !== undefined && (
        <span className="menu-check">{item.checked && <Icon name="check" size={12} />}</span>
      )}
      <bdi className="menu-label">{item.label}</bdi>
      {item.hint !== undefined && <span className="menu-hint">{item.hint}</span>}
    </button>
  ))
}
