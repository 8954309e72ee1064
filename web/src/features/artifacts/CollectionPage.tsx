/** A collection without a chosen version: what it is, and how large. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { changeCollection, collectionQuery, type CollectionRef } from '../../api/artifacts'
import { formatBytes, plural } from '../../core/format'
import { Ago } from '../../ui/Ago'
import { ErrorNote, SkeletonRows } from '../../ui/States'
import { Tags } from '../../ui/Tags'
import { Name } from '../../ui/Text'
import { Description } from '../../panels/Description'

export function CollectionPage({ at, type }: { at: CollectionRef; type: string }) {
  const client = useQueryClient()
  const options = collectionQuery(at)
  const query = useQuery(options)
  const change = useMutation({
    mutationFn: (patch: { description?: string; tags?: string[] }) => changeCollection(at, patch),
    onSuccess: (next) => client.setQueryData(options.queryKey, next),
  })
  if (query.error) {
    return (
      <ErrorNote
        what="The collection could not be opened"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (!query.data) return <SkeletonRows rows={6} label="Loading the collection" />
  const found = query.data
  return (
    <div className="version-page">
      <header className="version-head">
        <h1>
          <Name>{found.name}</Name>
        </h1>
        <span className="faint">
          {type}
          {found.kind === 'portfolio' && ' · links only'}
        </span>
        <Tags tags={found.tags} onChange={(tags) => change.mutate({ tags })} />
      </header>
      <div className="version-body is-narrow">
        {change.error && (
          <p className="is-err" role="alert">
            Not saved: {change.error.message}
          </p>
        )}
        <Description
          text={found.description ?? ''}
          onSave={(description) => change.mutate({ description })}
        />
        <section className="card" aria-label="Facts">
          <dl className="facts">
            <div>
              <dt>Versions</dt>
              <dd>{plural(found.versions, 'version')}</dd>
            </div>
            <div>
              <dt>Newest</dt>
              <dd>
                {found.newest ?? '–'}
                {found.newest_at !== null && (
                  <>
                    {' · '}
                    <Ago iso={found.newest_at} />
                  </>
                )}
              </dd>
            </div>
            <div>
              <dt>Takes</dt>
              <dd title={`${found.own_bytes} + ${found.shared_bytes} bytes`}>
                {formatBytes(found.own_bytes)} own · {formatBytes(found.shared_bytes)} shared with others
              </dd>
            </div>
            <div>
              <dt>Created</dt>
              <dd>
                <Ago iso={found.created_at} />
              </dd>
            </div>
          </dl>
        </section>
        <p className="faint">Choose a version, or drag an alias from one version onto another.</p>
      </div>
    </div>
  )
}
