/** The graph as a table: from the left to the right, with what every node was made from. */

import { Link } from '@tanstack/react-router'
import { artifactSplat } from '../../core/artifacts'
import { formatBytes, formatNumber } from '../../core/format'
import { nodeName, type Graph, type LineageNode, type LineageRest, type Picture } from '../../core/lineage'
import { RunName } from '../../panels/RunName'
import { Ago } from '../../ui/Ago'
import { Name, Text } from '../../ui/Text'

interface LineageListProps {
  graph: Graph
  picture: Picture
  center: string
  onGrow: (rest: LineageRest) => void
}

export function LineageList({ graph, picture, center, onGrow }: LineageListProps) {
  const place = (id: string): number => picture.layout.nodes.get(id)?.column ?? 0
  const start = place(center)
  const rows = [...graph.nodes.values()].sort(
    (a, b) => place(a.id) - place(b.id) || nodeName(a).localeCompare(nodeName(b)),
  )
  return (
    <div className="version-body" data-scroller>
      <table className="table is-dense" aria-label="Lineage">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Run or artifact</th>
            <th scope="col">Kind</th>
            <th scope="col">From</th>
            <th scope="col" className="is-number">
              Size
            </th>
            <th scope="col">Created</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((node) => {
            const from = graph.edges
              .filter(({ target }) => target === node.id)
              .map(({ source }) => graph.nodes.get(source))
            const step = place(node.id) - start
            return (
              <tr key={node.id} aria-current={node.id === center ? 'true' : undefined}>
                <td className="faint">{step > 0 ? `+${step}` : step === 0 ? '0' : `−${-step}`}</td>
                <th scope="row">
                  <NodeLink node={node} />
                </th>
                <td>
                  <Text>{node.artifact?.type ?? node.run?.job_type ?? 'run'}</Text>
                </td>
                <td className="lineage-from">
                  <Text>
                    {from
                      .map((source) => (source ? nodeName(source) : ''))
                      .slice(0, 5)
                      .join(', ') + (from.length > 5 ? ` and ${from.length - 5} more` : '')}
                  </Text>
                </td>
                <td className="is-number">
                  {node.artifact ? formatBytes(node.artifact.size_bytes) : <span className="faint">–</span>}
                </td>
                <td>
                  <Ago iso={(node.run ?? node.artifact)?.created_at ?? null} />
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {graph.rests.map((rest) => {
        const node = graph.nodes.get(rest.node)
        return (
          <p key={`${rest.node} ${rest.direction}`}>
            <button type="button" className="link" onClick={() => onGrow(rest)}>
              {formatNumber(rest.count)} more {rest.kind === 'run' ? 'runs' : 'artifacts'}{' '}
              {rest.direction === 'up' ? 'lead to' : 'come from'} <bdi>{node ? nodeName(node) : ''}</bdi>
            </button>
          </p>
        )
      })}
    </div>
  )
}

function NodeLink({ node }: { node: LineageNode }) {
  if (node.run) return <RunName run={node.run} />
  const { artifact } = node
  if (!artifact?.version) return <Name>{nodeName(node)}</Name>
  const { entity, project, type, collection, version } = artifact
  return (
    <Link
      to="/$entity/$project/artifacts/$"
      params={{ entity, project, _splat: artifactSplat({ type, collection, version }) }}
      className="run-name is-link"
    >
      <span className="artifact-sign" aria-hidden="true" />
      <Name>{nodeName(node)}</Name>
    </Link>
  )
}
