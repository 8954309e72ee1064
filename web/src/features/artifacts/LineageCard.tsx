/** What is known of the chosen node, and where one can go from it. */

import { Link, useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { artifactSplat } from '../../core/artifacts'
import { formatBytes, plural } from '../../core/format'
import { nodeAddress, nodeName, type LineageNode } from '../../core/lineage'
import type { RunState } from '../../core/types'
import { Ago } from '../../ui/Ago'
import { Button, IconButton } from '../../ui/Button'
import { StateIcon } from '../../ui/StateIcon'
import { Name, Text } from '../../ui/Text'

interface LineageCardProps {
  node: LineageNode
  isCenter: boolean
  onClose: () => void
}

export function LineageCard({ node, isCenter, onClose }: LineageCardProps) {
  const navigate = useNavigate()
  const { run, artifact } = node
  const place = run ?? artifact
  const rows: [string, ReactNode][] = []
  if (run) {
    rows.push(['State', <StateIcon key="state" state={run.state as RunState} word />])
    if (run.job_type !== null) rows.push(['Job type', <Text key="job">{run.job_type}</Text>])
  }
  if (artifact) {
    rows.push(['Type', <Text key="type">{artifact.type}</Text>])
    if (artifact.aliases.length > 0)
      rows.push(['Aliases', <Text key="aliases">{artifact.aliases.join(', ')}</Text>])
    rows.push(['Holds', `${plural(artifact.file_count, 'file')}, ${formatBytes(artifact.size_bytes)}`])
    if (artifact.state === 'DELETED') rows.push(['State', 'deleted'])
  }
  if (place) {
    rows.push(['Project', <Text key="project">{`${place.entity}/${place.project}`}</Text>])
    rows.push(['Created', <Ago key="created" iso={place.created_at} />])
  }
  return (
    <aside className="lineage-card card" aria-label={`About ${nodeName(node)}`}>
      <header className="card-head">
        <h2>
          <Name>{nodeName(node)}</Name>
        </h2>
        <IconButton icon="close" label="Close" onClick={onClose} />
      </header>
      <dl className="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className="lineage-actions">
        {run && (
          <Link
            to="/$entity/$project/runs/$run"
            params={{ entity: run.entity, project: run.project, run: run.id }}
            className="button is-plain"
          >
            Open run
          </Link>
        )}
        {artifact && artifact.version !== null && (
          <Link
            to="/$entity/$project/artifacts/$"
            params={{
              entity: artifact.entity,
              project: artifact.project,
              _splat: artifactSplat({
                type: artifact.type,
                collection: artifact.collection,
                version: artifact.version,
              }),
            }}
            className="button is-plain"
          >
            Open artifact
          </Link>
        )}
        {!isCenter && place && (
          <Button
            onClick={() =>
              void navigate({
                to: '/$entity/$project/lineage',
                params: { entity: place.entity, project: place.project },
                search: { at: nodeAddress(node) },
              })
            }
          >
            Look around it
          </Button>
        )}
      </div>
    </aside>
  )
}
