/** A searchable two-column list of logged values, with copy as JSON. */

import { useMemo, useState } from 'react'
import { encodeLogged, type LoggedMap } from '../../core/exact'
import { flatten } from '../../core/flatten'
import { exactLogged, formatNumber } from '../../core/format'
import { nameMatcher } from '../../core/sections'
import { Button } from '../../ui/Button'
import { Copy } from '../../ui/Copy'
import { Search } from '../../ui/Search'
import { Name } from '../../ui/Text'
import { Value } from '../../ui/Value'

interface ValueCardProps {
  title: string
  map: LoggedMap
  empty: string
}

const FIRST_ROWS = 200

export function ValueCard({ title, map, empty }: ValueCardProps) {
  const [find, setFind] = useState('')
  const [all, setAll] = useState(false)
  const rows = useMemo(() => flatten(map), [map])
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
                <Value value={value} />
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
