import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react'
import { Icon, type IconName } from './Icon'

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: 'plain' | 'primary' | 'quiet'
  icon?: IconName
  pressed?: boolean
  children?: ReactNode
  ref?: Ref<HTMLButtonElement>
}

/** A text button; `pressed` makes it a toggle. */
export function Button({ look = 'plain', icon, pressed, className = '', children, ...rest }: ButtonProps) {
  return (
    <button type="button" className={`button is-${look} ${className}`} aria-pressed={pressed} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  )
}

interface IconButtonProps extends Omit<ButtonProps, 'look' | 'children'> {
  icon: IconName
  label: string
}

/** A button that is only an icon; `label` is its name and its hint. */
export function IconButton({ icon, label, pressed, className = '', ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      className={`icon-button ${className}`}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      {...rest}
    >
      <Icon name={icon} />
    </button>
  )
}
