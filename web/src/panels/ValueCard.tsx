/** A searchable two-column list of logged values, with copy as JSON. */

import { useMemo, useState, type ReactNode } from 'react'
import { compareNames } from '../core/diff'
import { encodeLogged, type Logged, type LoggedMap } from '../core/exact'
import { flatten, type FlatEntry } from '../core/flatten'
import { exactLogged, formatNumber } from '../core/format'
import { nameMatcher } from '../core/sections'
import { Button } from '../ui/Button'
import { Copy } from '../ui/Copy'
import { Search } from '../ui/Search'
import { Name } from '../ui/Text'
import { Value } from '../ui/Value'

interface ValueCardProps {
  title: string
  map: LoggedMap
  empty: string
  /** Summaries have no order of their own; configs keep the one they were written in. */
  sorted?: boolean
  /** What to show after a value that names a file. */
  fileLink?: (value: Logged) => ReactNode
}

const FIRST_ROWS = 200
/** Longer values are cut, so that one list does not hide the others. */
const SHORT_TEXT = 160

export function ValueCard({ title, map, empty, sorted = false, fileLink }: ValueCardProps) {
  const [find, setFind] = useState('')
  const [all, setAll] = useState(false)
  const rows = useMemo(() => (sorted ? flatten(map).sort(byKey) : flatten(map)), [map, sorted])
  const matcher = nameMatcher(find)
  const found = rows.filter(({ key }) => matcher.test(key))
  const shown = all ? found : found.slice(0, FIRST_ROWS)
  return (
    <section className="card" aria-label={title}>
      <header className="card-head">
        <h2>
          {title} <span className="faint">{formatNumber(rows.length)}</span>
        </h2>
        {rows.length > 8 && (
          <Search
            label={`Find in ${title}`}
            placeholder="Find"
            value={find}
            onChange={setFind}
            className="card-find"
          />
        )}
        {rows.length > 0 && <Copy text={() => encodeLogged(map, 2)} label={`Copy ${title} as JSON`} small />}
      </header>
      {rows.length === 0 ? (
        <p className="card-empty faint">{empty}</p>
      ) : found.length === 0 ? (
        <p className="card-empty faint">No key matches.</p>
      ) : (
        <dl className="values">
          {shown.map(({ key, value }) => (
            <div key={key}>
              <dt>
                <Name>{key}</Name>
              </dt>
              <dd>
                <span className="values-text">
                  <Value value={value} most={SHORT_TEXT} />
                  {fileLink?.(value)}
                </span>
                <Copy text={() => exactLogged(value)} label={`Copy ${key}`} small />
              </dd>
            </div>
          ))}
        </dl>
      )}
      {shown.length < found.length && (
        <Button onClick={() => setAll(true)}>Show all {formatNumber(found.length)} keys</Button>
      )}
    </section>
  )
}

/** By name, the client's own keys last. */
function byKey(a: FlatEntry, b: FlatEntry): number {
  return Number(a.key.startsWith('_')) - Number(b.key.startsWith('_')) || compareNames(a.key, b.key)
}
