import type { VersionRef } from '../../api/artifacts'
import { LineageView } from './LineageView'

export function VersionLineage({ at }: { at: VersionRef }) {
  const place = { entity: at.entity, project: at.project }
  return <LineageView at={place} center={`artifact:${at.collection}:${at.version}`} />
}
