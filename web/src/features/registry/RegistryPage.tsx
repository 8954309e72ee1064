/** One registry: its collections with their newest versions, its rules and its members. */

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo, type ReactNode } from 'react'
import {
  changeRegistry,
  registryCollectionsQuery,
  registryMembersQuery,
  registryQuery,
  type RegistryRef,
} from '../../api/registries'
import { artifactSplat } from '../../core/artifacts'
import { formatBytes, formatNumber, plural } from '../../core/format'
import {
  visibilityWords,
  type RegistryChange,
  type RegistryCollection,
  type RegistryDetail,
} from '../../core/registries'
import { Description } from '../../panels/Description'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Search } from '../../ui/Search'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { Tags } from '../../ui/Tags'
import { Name, Text } from '../../ui/Text'
import { useAddress, usePlace } from '../../ui/usePlace'

export function RegistryPage() {
  const { organization = '', registry = '' } = usePlace()
  const at = useMemo(() => ({ organization, registry }), [organization, registry])
  const client = useQueryClient()
  const options = registryQuery(at)
  const query = useQuery(options)
  const change = useMutation({
    mutationFn: (patch: RegistryChange) => changeRegistry(at, patch),
    onSuccess: (next) => client.setQueryData(options.queryKey, next),
  })
  useEffect(() => {
    document.title = `${registry} · Registries · Kymograph`
  }, [registry])
  if (query.error && !query.data) {
    return (
      <div className="page-middle">
        <ErrorNote
          what="This registry could not be opened"
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      </div>
    )
  }
  if (!query.data) return <SkeletonRows rows={8} label="Loading the registry" />
  const found = query.data
  return (
    <div className="page" data-scroller>
      <div className="page-head">
        <h1>
          <Name>{found.name}</Name>
        </h1>
        <span className="faint">
          {plural(found.collection_count, 'collection')}, {plural(found.version_count, 'version')} · open to{' '}
          {visibilityWords(found.visibility)} · you are {found.role.replaceAll('_', ' ')}
        </span>
      </div>
      {change.error && (
        <p className="is-err" role="alert">
          Not saved: {change.error.message}
        </p>
      )}
      <div className="registry-columns">
        <Collections at={at} registry={found} />
        <div className="version-column">
          <Description
            text={found.description ?? ''}
            readOnly={found.role !== 'admin'}
            onSave={(description) => change.mutate({ description })}
          />
          <Rules registry={found} onChange={(patch) => change.mutate(patch)} />
          <Members at={at} />
        </div>
      </div>
    </div>
  )
}

function Collections({ at, registry }: { at: RegistryRef; registry: RegistryDetail }) {
  const search = useAddress()
  const navigate = useNavigate()
  const find = search['q'] ?? ''
  const query = useInfiniteQuery(registryCollectionsQuery(at, find))
  const rows = query.data?.pages.flatMap((page) => page.items) ?? []
  const total = query.data?.pages[0]?.total ?? 0
  let content: ReactNode
  if (query.error) {
    content = (
      <ErrorNote
        what="The collections could not be listed"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  } else if (query.isPending) content = <SkeletonRows rows={6} label="Loading the collections" />
  else if (rows.length === 0) {
    content =
      find === '' ? (
        <EmptyState title="Nothing is linked here yet">
          <pre className="code">
            artifact.link(&quot;{registry.organization}/{registry.project}/my-collection&quot;)
          </pre>
        </EmptyState>
      ) : (
        <EmptyState title="No collection matches" />
      )
  } else {
    content = (
      <table className="table is-dense" aria-label="Collections">
        <thead>
          <tr>
            <th scope="col">Collection</th>
            <th scope="col">Type</th>
            <th scope="col">Newest</th>
            <th scope="col" className="is-number">
              Size
            </th>
            <th scope="col">Linked</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.id} registry={registry} row={row} />
          ))}
        </tbody>
      </table>
    )
  }
  return (
    <section aria-label="Collections">
      <div className="page-head">
        <h2>Collections</h2>
        <span className="faint">{formatNumber(total)}</span>
        <span className="topbar-space" />
        <Search
          label="Filter collections"
          placeholder="Filter collections"
          value={find}
          onChange={(q) => void navigate({ to: '.', search: q === '' ? {} : { q }, replace: true })}
        />
      </div>
      {content}
      {query.hasNextPage && (
        <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more ({formatNumber(total - rows.length)} left)
        </Button>
      )}
    </section>
  )
}

function Row({ registry, row }: { registry: RegistryDetail; row: RegistryCollection }) {
  const params = { entity: registry.organization, project: registry.project }
  const collection = { type: row.type, collection: row.name }
  return (
    <tr>
      <th scope="row">
        <Link
          to="/$entity/$project/artifacts/$"
          params={{ ...params, _splat: artifactSplat(collection) }}
          className="table-link"
        >
          <Name>{row.name}</Name>
          {row.tags.map((tag) => (
            <span key={tag} className="chip">
              <Name>{tag}</Name>
            </span>
          ))}
        </Link>
      </th>
      <td>
        <Text>{row.type}</Text>
      </td>
      <td>
        {row.latest ? (
          <span className="registry-latest">
            <Link
              to="/$entity/$project/artifacts/$"
              params={{ ...params, _splat: artifactSplat({ ...collection, version: row.latest.version }) }}
            >
              {row.latest.version}
            </Link>
            {row.latest.aliases.map((alias) => (
              <span
                key={alias}
                className="chip is-alias"
                title={registry.protected_aliases.includes(alias) ? `${alias}: protected` : alias}
              >
                {registry.protected_aliases.includes(alias) && (
                  <span role="img" aria-label="protected">
                    <Icon name="lock" size={12} />
                  </span>
                )}
                <Name>{alias}</Name>
              </span>
            ))}
          </span>
        ) : (
          <span className="faint">empty</span>
        )}
      </td>
      <td className="is-number">
        {row.latest ? formatBytes(row.latest.size_bytes) : <span className="faint">–</span>}
      </td>
      <td>
        <Ago iso={row.latest?.linked_at ?? null} />
      </td>
    </tr>
  )
}

function Rules({
  registry,
  onChange,
}: {
  registry: RegistryDetail
  onChange: (patch: RegistryChange) => void
}) {
  const isAdmin = registry.role === 'admin'
  return (
    <section className="card" aria-label="Rules">
      <header className="card-head">
        <h2>Rules</h2>
      </header>
      <dl className="facts">
        <div>
          <dt>Takes</dt>
          <dd>
            {registry.allows_all_types
              ? 'versions of every type'
              : registry.types.length > 0
                ? registry.types.join(', ')
                : 'no type yet'}
          </dd>
        </div>
        <div>
          <dt>Protected</dt>
          <dd>
            {isAdmin ? (
              <Tags
                tags={registry.protected_aliases}
                noun="alias"
                onChange={(aliases) => onChange({ protected_aliases: aliases })}
              />
            ) : registry.protected_aliases.length > 0 ? (
              registry.protected_aliases.join(', ')
            ) : (
              'no alias'
            )}
            <p className="faint">Only administrators move protected aliases.</p>
          </dd>
        </div>
        <div>
          <dt>Path</dt>
          <dd className="mono">
            <Text>{`${registry.organization}/${registry.project}`}</Text>
          </dd>
        </div>
      </dl>
    </section>
  )
}

function Members({ at }: { at: RegistryRef }) {
  const query = useQuery(registryMembersQuery(at))
  const { users = [], teams = [] } = query.data ?? {}
  return (
    <section className="card" aria-label="Members">
      <header className="card-head">
        <h2>
          Members <span className="faint">{formatNumber(users.length + teams.length)}</span>
        </h2>
      </header>
      {query.error ? (
        <p className="card-empty is-err">{query.error.message}</p>
      ) : (
        <dl className="facts">
          {teams.map(({ name, role }) => (
            <div key={`team ${name}`}>
              <dt>{role.replaceAll('_', ' ')}</dt>
              <dd>
                team <Text>{name}</Text>
              </dd>
            </div>
          ))}
          {users.map(({ username, name, role }) => (
            <div key={`user ${username}`}>
              <dt>{role.replaceAll('_', ' ')}</dt>
              <dd title={username}>
                <Text>{name}</Text>
              </dd>
            </div>
          ))}
          {users.length + teams.length === 0 && !query.isPending && (
            <p className="card-empty faint">None of their own.</p>
          )}
        </dl>
      )}
    </section>
  )
}
