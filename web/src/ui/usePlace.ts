/** What the address names: path parameters and query, typed once for all pages. */

import { useParams, useSearch } from '@tanstack/react-router'
import type { Search } from '../core/view'

export interface Place {
  entity?: string
  project?: string
  run?: string
  tab?: string
  token?: string
  organization?: string
  registry?: string
  /** The rest of the path, for pages whose address goes deeper. */
  _splat?: string
}

/** Path parameters, decoded; a page knows which of them its route has. */
export function usePlace(): Place {
  const parameters: unknown = useParams({ strict: false })
  return parameters as Place
}

export function useAddress(): Search {
  return useSearch({ strict: false })
}
