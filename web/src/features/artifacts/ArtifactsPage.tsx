/** The artifact browser: types, collections and versions beside the version that is open. */

import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo } from 'react'
import { artifactTypesQuery } from '../../api/artifacts'
import { sessionQuery } from '../../api/queries'
import { artifactSplat, isAutomaticType, parseArtifactPlace } from '../../core/artifacts'
import { Copy } from '../../ui/Copy'
import { EmptyState } from '../../ui/States'
import { usePlace } from '../../ui/usePlace'
import { CollectionColumn, TypeColumn, VersionColumn } from './Columns'
import { CollectionPage } from './CollectionPage'
import { VersionPage } from './VersionPage'

export function ArtifactsPage() {
  const { entity = '', project = '', _splat = '' } = usePlace()
  const at = useMemo(() => ({ entity, project }), [entity, project])
  const { type, collection, version, tab, file } = parseArtifactPlace(_splat)
  const navigate = useNavigate()
  const types = useQuery(artifactTypesQuery(at))
  const first = types.data?.items.find(({ name }) => !isAutomaticType(name)) ?? types.data?.items[0]

  useEffect(() => {
    const name =
      collection === undefined ? 'Artifacts' : version === undefined ? collection : `${collection}:${version}`
    document.title = `${name} · ${project} · Kymograph`
  }, [collection, version, project])
  useEffect(() => {
    if (type !== undefined || first === undefined) return
    const params = { ...at, _splat: artifactSplat({ type: first.name }) }
    void navigate({ to: '/$entity/$project/artifacts/$', params, replace: true })
  }, [type, first, at, navigate])

  if (types.data?.total === 0) return <NoArtifacts project={project} />
  const place = collection === undefined ? null : { ...at, collection }
  return (
    <div className={`artifacts ${version === undefined ? '' : 'has-version'}`}>
      <TypeColumn at={at} type={type} />
      {type !== undefined && (
        <CollectionColumn key={`collections of ${type}`} at={at} type={type} collection={collection} />
      )}
      {type !== undefined && place && (
        <VersionColumn key={`versions of ${place.collection}`} at={place} type={type} version={version} />
      )}
      <div className="artifact-main">
        {place && type !== undefined && version !== undefined ? (
          <VersionPage at={{ ...place, version }} type={type} tab={tab} file={file} />
        ) : place && type !== undefined ? (
          <CollectionPage key={place.collection} at={place} type={type} />
        ) : (
          <EmptyState title={type === undefined ? '' : 'Choose a collection'} />
        )}
      </div>
    </div>
  )
}

function NoArtifacts({ project }: { project: string }) {
  const session = useQuery(sessionQuery)
  const address = session.data?.server.public_url ?? window.location.origin
  const lines = [
    `# WANDB_BASE_URL=${address}`,
    'import wandb',
    '',
    `run = wandb.init(project=${JSON.stringify(project)})`,
    "artifact = wandb.Artifact('train-set', type='dataset')",
    "artifact.add_dir('data/train')",
    'run.log_artifact(artifact)',
    'run.finish()',
  ].join('\n')
  return (
    <EmptyState title="No artifacts yet">
      <p>Datasets, models and tables that runs log are kept here in versions. A first one:</p>
      <pre className="code">{lines}</pre>
      <Copy text={lines} label="Copy" />
    </EmptyState>
  )
}
