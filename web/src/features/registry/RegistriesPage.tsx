/** All registries that one may see. */

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { registriesQuery } from '../../api/registries'
import { formatNumber } from '../../core/format'
import { visibilityWords } from '../../core/registries'
import { Ago } from '../../ui/Ago'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { Name, Text } from '../../ui/Text'

export function RegistriesPage() {
  const query = useQuery(registriesQuery)
  useEffect(() => {
    document.title = 'Registries · Kymograph'
  }, [])
  const rows = query.data?.items ?? []
  return (
    <div className="page" data-scroller>
      <div className="page-head">
        <h1>Registries</h1>
        {query.data && <span className="faint">{formatNumber(rows.length)}</span>}
      </div>
      {query.error ? (
        <ErrorNote
          what="The registries could not be listed"
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      ) : query.isPending ? (
        <SkeletonRows rows={5} label="Loading the registries" />
      ) : rows.length === 0 ? (
        <EmptyState title="No registry yet">
          <p>
            A registry is where an organization keeps the versions that others are to use. An administrator of
            the organization makes one:
          </p>
          <pre className="code">
            wandb.Api().create_registry(&quot;models&quot;, visibility=&quot;organization&quot;)
          </pre>
        </EmptyState>
      ) : (
        <table className="table" aria-label="Registries">
          <thead>
            <tr>
              <th scope="col">Registry</th>
              <th scope="col">Description</th>
              <th scope="col" className="is-number">
                Collections
              </th>
              <th scope="col" className="is-number">
                Versions
              </th>
              <th scope="col">Open to</th>
              <th scope="col">Your role</th>
              <th scope="col">Last change</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id}>
                <th scope="row">
                  <Link
                    to="/registry/$organization/$registry"
                    params={{ organization: row.organization, registry: row.name }}
                    className="table-link"
                  >
                    <span className="faint">
                      <bdi>{row.organization}</bdi> /{' '}
                    </span>
                    <Name>{row.name}</Name>
                  </Link>
                </th>
                <td className="registry-text">
                  {row.description === null ? (
                    <span className="faint">–</span>
                  ) : (
                    <Text>{row.description}</Text>
                  )}
                </td>
                <td className="is-number">{formatNumber(row.collection_count)}</td>
                <td className="is-number">{formatNumber(row.version_count)}</td>
                <td>{visibilityWords(row.visibility)}</td>
                <td className="faint">{row.role.replaceAll('_', ' ')}</td>
                <td>
                  <Ago iso={row.updated_at} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  )
}
