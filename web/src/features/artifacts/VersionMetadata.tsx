import { useMemo } from 'react'
import { decodeLoggedMap } from '../../core/exact'
import type { VersionDetail } from '../../core/artifacts'
import { ValueCard } from '../../panels/ValueCard'

export function VersionMetadata({ version }: { version: VersionDetail }) {
  const metadata = useMemo(() => decodeLoggedMap(version.metadata), [version.metadata])
  return (
    <div className="version-body is-narrow" data-scroller>
      <ValueCard title="Metadata" map={metadata} empty="This version was logged without metadata." />
    </div>
  )
}
