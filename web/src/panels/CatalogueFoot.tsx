/** Below the panels: what of the catalogue is not among them, and why. */

import { formatNumber, plural } from '../core/format'
import type { Catalogue } from './useCatalogue'

interface CatalogueFootProps {
  catalogue: Catalogue
  /** Panels above. */
  shown: number
  /** Where keys are seen that hold no numbers. */
  place: string
}

export function CatalogueFoot({ catalogue, shown, place }: CatalogueFootProps) {
  const { complete, drawable, others } = catalogue
  const parts = [
    ...(complete && shown > 0 && shown < drawable
      ? [`${formatNumber(shown)} of ${plural(drawable, 'panel')} match the search.`]
      : []),
    ...(others > 0 ? [`${plural(others, 'key')} hold media or text: ${place}.`] : []),
  ]
  return parts.length > 0 && <p className="grid-foot faint">{parts.join(' ')}</p>
}
