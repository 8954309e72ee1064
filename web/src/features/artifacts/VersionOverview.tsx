/** What a version is, where it came from, and how it is used. */

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import type { VersionRef } from '../../api/artifacts'
import { sessionQuery } from '../../api/queries'
import { artifactSplat, usageSnippets, type VersionChange, type VersionDetail } from '../../core/artifacts'
import { formatBytes, formatDuration, formatNumber, plural } from '../../core/format'
import { Ago } from '../../ui/Ago'
import { Copy } from '../../ui/Copy'
import { Tags } from '../../ui/Tags'
import { Text } from '../../ui/Text'
import { Description } from '../../panels/Description'
import { RunName } from '../../panels/RunName'

interface VersionOverviewProps {
  at: VersionRef
  version: VersionDetail
  onChange: (change: VersionChange) => void
}

export function VersionOverview({ at, version, onChange }: VersionOverviewProps) {
  return (
    <div className="version-body" data-scroller>
      <div className="version-columns">
        <div className="version-column">
          <Description text={version.description ?? ''} onSave={(description) => onChange({ description })} />
          <Usage at={at} version={version} />
        </div>
        <Facts version={version} onTags={(tags) => onChange({ tags })} />
      </div>
    </div>
  )
}

function Facts({ version, onTags }: { version: VersionDetail; onTags: (tags: string[]) => void }) {
  const rows: [string, ReactNode][] = [
    ['Created', <Ago key="created" iso={version.created_at} />],
    [
      'Made by',
      version.run ? (
        <RunName key="run" run={version.run} />
      ) : (
        <span className="faint">no run that is here</span>
      ),
    ],
  ]
  if (version.history_step !== null) rows.push(['At step', formatNumber(version.history_step)])
  rows.push(
    ['Files', plural(version.file_count, 'file')],
    [
      'Size',
      <span key="size" title={`${formatNumber(version.size_bytes)} bytes`}>
        {formatBytes(version.size_bytes)}
      </span>,
    ],
    [
      'Takes',
      <span key="takes" title="Own: would be free if this version went. Shared: other versions need it, too.">
        {formatBytes(version.own_bytes)} own, {formatBytes(version.shared_bytes)} shared
      </span>,
    ],
    [
      'Digest',
      <span key="digest" className="digest">
        <span className="mono clip" title={version.digest}>
          {version.digest}
        </span>
        <Copy text={version.digest} label="Copy the digest" small />
      </span>,
    ],
    ['Hashed with', version.digest_algorithm === 'MANIFEST_MD5' ? 'MD5' : version.digest_algorithm],
    ['Used by', plural(version.used_by, 'run')],
    ['Lives', lifetime(version.ttl_s)],
    ['Tags', <Tags key="tags" tags={version.tags} onChange={onTags} />],
  )
  const links = version.links.filter(
    ({ collection, project, entity }) =>
      collection !== version.collection || project !== version.project || entity !== version.entity,
  )
  return (
    <section className="card" aria-label="Facts">
      <header className="card-head">
        <h2>Facts</h2>
      </header>
      <dl className="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {links.length > 0 && (
          <div>
            <dt>Linked to</dt>
            <dd>
              {links.map(({ entity, project, collection, version: name }) => (
                <div key={`${entity}/${project}/${collection}`}>
                  <Link
                    to="/$entity/$project/artifacts/$"
                    params={{
                      entity,
                      project,
                      _splat: artifactSplat({ type: version.type, collection, version: name }),
                    }}
                  >
                    <Text>{`${entity}/${project}/${collection}:${name}`}</Text>
                  </Link>
                </div>
              ))}
            </dd>
          </div>
        )}
      </dl>
    </section>
  )
}

function lifetime(seconds: number | null): string {
  if (seconds === null || seconds === -1) return 'as long as the project says'
  return seconds <= 0 ? 'for ever' : formatDuration(seconds)
}

function Usage({ at, version }: { at: VersionRef; version: VersionDetail }) {
  const session = useQuery(sessionQuery)
  const [chosen, setChosen] = useState(0)
  const server = session.data?.server.public_url ?? window.location.origin
  const snippets = usageSnippets(at, `${at.collection}:${version.version}`, server)
  const snippet = snippets[chosen] ?? snippets[0]
  return (
    <section className="card" aria-label="How to use this">
      <header className="card-head">
        <h2>How to use this</h2>
        <div className="segments" role="group" aria-label="With">
          {snippets.map(({ title }, index) => (
            <button
              key={title}
              type="button"
              aria-pressed={index === chosen}
              onClick={() => setChosen(index)}
            >
              {title}
            </button>
          ))}
        </div>
        {snippet && <Copy text={snippet.code} label="Copy the code" small />}
      </header>
      <pre className="snippet">
        <bdi>{snippet?.code}</bdi>
      </pre>
    </section>
  )
}
