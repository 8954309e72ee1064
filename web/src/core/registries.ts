/** What the REST API answers about registries. */

export interface Registry {
  id: string
  organization: string
  name: string
  /** The project that it is. */
  project: string
  description: string | null
  visibility: 'restricted' | 'private' | 'public'
  created_at: string
  updated_at: string
  /** The caller's. */
  role: string
  collection_count: number
  version_count: number
  member_count: number
  team_count: number
}

export interface RegistryDetail extends Registry {
  allows_all_types: boolean
  types: string[]
  protected_aliases: string[]
}

export interface RegistryCollection {
  id: string
  name: string
  type: string
  description: string | null
  tags: string[]
  created_at: string
  updated_at: string
  latest: { version: string; aliases: string[]; linked_at: string; size_bytes: number } | null
}

export interface RegistryMembers {
  users: { username: string; name: string; role: string }[]
  teams: { name: string; role: string }[]
}

export interface RegistryChange {
  description?: string
  visibility?: 'restricted' | 'private'
  allows_all_types?: boolean
  types?: string[]
  protected_aliases?: string[]
}

const PREFIX = 'wandb-registry-'

/** The registry that a project is; null for an ordinary one. */
export function registryOf(project: string): string | null {
  return project.startsWith(PREFIX) ? project.slice(PREFIX.length) : null
}

/** Who may look into a registry, in words. */
export function visibilityWords(visibility: Registry['visibility']): string {
  if (visibility === 'restricted') return 'members only'
  return visibility === 'public' ? 'everybody' : 'the organization'
}

/** A filter for collections whose name holds a text, as the API takes it. */
export function nameFilter(text: string): string {
  return text === '' ? '' : JSON.stringify({ name: { $contains: text } })
}
