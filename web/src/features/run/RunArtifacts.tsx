/** Artifacts that a run used and logged. */

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { runArtifactsQuery } from '../../api/artifacts'
import type { RunRef } from '../../api/queries'
import { artifactSplat, isAutomaticType, type VersionLink } from '../../core/artifacts'
import { formatBytes, formatNumber } from '../../core/format'
import { Ago } from '../../ui/Ago'
import { Icon } from '../../ui/Icon'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { Name, Text } from '../../ui/Text'

export function RunArtifacts({ at }: { at: RunRef }) {
  const query = useQuery(runArtifactsQuery(at))
  if (query.error) {
    return (
      <ErrorNote
        what="The artifacts could not be listed"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (!query.data) return <SkeletonRows rows={6} label="Loading the artifacts" />
  const { inputs, outputs } = query.data
  if (inputs.length === 0 && outputs.length === 0) {
    return (
      <EmptyState title="This run used and logged no artifacts">
        <p>
          <code>run.use_artifact(…)</code> and <code>run.log_artifact(…)</code> do so.
        </p>
      </EmptyState>
    )
  }
  const byChoice = outputs.filter(({ type }) => !isAutomaticType(type))
  const automatic = outputs.filter(({ type }) => isAutomaticType(type))
  return (
    <div className="run-artifacts" data-scroller>
      <div className="page-head">
        <span className="topbar-space" />
        <Link
          to="/$entity/$project/lineage"
          params={{ entity: at.entity, project: at.project }}
          search={{ at: `run:${at.run}` }}
          className="button is-plain"
        >
          <Icon name="graph" /> Lineage
        </Link>
      </div>
      <Versions
        title="Inputs"
        rows={inputs.map(({ artifact, used_as: usedAs }) => ({ artifact, note: usedAs }))}
        none="It used none."
      />
      <Versions
        title="Outputs"
        rows={byChoice.map((artifact) => ({ artifact, note: null }))}
        none="It logged none."
      />
      {automatic.length > 0 && (
        <Versions
          title="Logged by itself"
          rows={automatic.map((artifact) => ({ artifact, note: null }))}
          none=""
        />
      )}
    </div>
  )
}

interface VersionsProps {
  title: string
  rows: readonly { artifact: VersionLink; note: string | null }[]
  none: string
}

function Versions({ title, rows, none }: VersionsProps) {
  return (
    <section aria-label={title}>
      <h2>
        {title} <span className="faint">{formatNumber(rows.length)}</span>
      </h2>
      {rows.length === 0 ? (
        <p className="faint">{none}</p>
      ) : (
        <table className="table is-dense" aria-label={title}>
          <thead>
            <tr>
              <th scope="col">Artifact</th>
              <th scope="col">Type</th>
              <th scope="col">Aliases</th>
              <th scope="col" className="is-number">
                Files
              </th>
              <th scope="col" className="is-number">
                Size
              </th>
              <th scope="col">Created</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ artifact, note }) => (
              <tr key={artifact.id}>
                <th scope="row">
                  <Link
                    to="/$entity/$project/artifacts/$"
                    params={{
                      entity: artifact.entity,
                      project: artifact.project,
                      _splat: artifactSplat({
                        type: artifact.type,
                        collection: artifact.collection,
                        version: artifact.version ?? 'latest',
                      }),
                    }}
                    className="table-link"
                  >
                    <span className="artifact-sign" aria-hidden="true" />
                    <Name>{`${artifact.collection}:${artifact.version ?? 'draft'}`}</Name>
                    {note !== null && (
                      <span className="faint">
                        as <bdi>{note}</bdi>
                      </span>
                    )}
                  </Link>
                </th>
                <td>
                  <Text>{artifact.type}</Text>
                </td>
                <td>
                  {artifact.aliases.map((alias) => (
                    <span key={alias} className="chip">
                      <Name>{alias}</Name>
                    </span>
                  ))}
                </td>
                <td className="is-number">{formatNumber(artifact.file_count)}</td>
                <td className="is-number">{formatBytes(artifact.size_bytes)}</td>
                <td>
                  <Ago iso={artifact.created_at} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
