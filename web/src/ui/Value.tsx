import { asNumber, type Logged } from '../core/exact'
import { exactLogged, formatLogged, MISSING } from '../core/format'
import { describeTyped, isTyped } from '../core/media'
import { Text } from './Text'

/** A logged value: short, exact on hover, alarming when not finite, faint when missing. */
export function Value({ value, most }: { value: Logged | undefined; most?: number }) {
  if (value === undefined) return <span className="faint">{MISSING}</span>
  const number = asNumber(value)
  if (number !== null) {
    return (
      <span className={`number ${Number.isFinite(number) ? '' : 'is-err'}`} title={exactLogged(value)}>
        {formatLogged(value)}
      </span>
    )
  }
  if (value === null) return <span className="faint">null</span>
  const text = isTyped(value) ? describeTyped(value) : formatLogged(value)
  return <Text {...(most === undefined ? {} : { most })}>{text}</Text>
}
