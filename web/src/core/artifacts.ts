/** What the REST API answers about artifacts, and small readings of it. */

import { registryOf } from './registries'

export interface ArtifactType {
  name: string
  collections: number
  versions: number
}

interface Use {
  own_bytes: number
  shared_bytes: number
}

export interface ArtifactCollection extends Use {
  name: string
  type: string
  kind: 'sequence' | 'portfolio'
  description: string | null
  tags: string[]
  versions: number
  /** `v12`, null while it is empty. */
  newest: string | null
  newest_at: string | null
  created_at: string
}

export interface RunLink {
  entity: string
  project: string
  id: string
  name: string
  state: string
  color: number
  job_type: string | null
  created_at: string
}

/** A version where it was made, as much as a link to it needs. */
export interface VersionLink {
  id: string
  entity: string
  project: string
  collection: string
  type: string
  /** Null for a draft. */
  version: string | null
  aliases: string[]
  size_bytes: number
  file_count: number
  state: string
  created_at: string
}

export interface ArtifactVersion extends VersionLink, Use {
  version: string
  digest: string
  description: string | null
  tags: string[]
  is_link: boolean
  run: RunLink | null
  used_by: number
}

export interface VersionPlace {
  entity: string
  project: string
  collection: string
  version: string
  aliases: string[]
}

export interface VersionDetail extends ArtifactVersion {
  digest_algorithm: string
  metadata: unknown
  ttl_s: number | null
  history_step: number | null
  source: VersionPlace
  links: VersionPlace[]
}

export interface VersionChange {
  add_aliases?: string[]
  remove_aliases?: string[]
  description?: string
  tags?: string[]
}

export interface FolderItem {
  name: string
  /** From the root; that of a folder ends in `/`. */
  path: string
  kind: 'file' | 'folder'
  files: number
  size_bytes: number
  digest: string | null
  is_reference: boolean
  mimetype: string | null
}

export interface FolderPage {
  items: FolderItem[]
  next: string | null
}

export interface VersionUse {
  run: RunLink
  used_as: string | null
  used_at: string
}

export type ChangeKind = 'added' | 'removed' | 'changed'

export interface EntryChange {
  path: string
  kind: ChangeKind
  old_digest: string | null
  old_bytes: number | null
  new_digest: string | null
  new_bytes: number | null
}

interface ChangeTotal {
  files: number
  old_bytes: number
  new_bytes: number
}

export interface DiffPage {
  old: VersionLink
  new: VersionLink
  totals: Record<ChangeKind, ChangeTotal>
  items: EntryChange[]
  next: string | null
  total: number
}

export interface RunArtifacts {
  inputs: { artifact: VersionLink; used_as: string | null }[]
  outputs: VersionLink[]
}

export interface ProjectStorage {
  live_bytes: number
  live_objects: number
  trashed_bytes: number
  trashed_objects: number
  draft_bytes: number
  draft_objects: number
  stored_bytes: number
  versions: number
  trashed_versions: number
  drafts: number
  run_bytes: number
  ttl_s: number | null
  effective_ttl_s: number | null
}

export interface CollectionStorage extends Use {
  name: string
  type: string
  versions: number
  trashed_versions: number
}

export interface VersionStorage extends Use {
  id: string
  version: string
  aliases: string[]
  size_bytes: number
  file_count: number
  created_at: string
  deleted_at: string | null
}

export interface VersionStoragePage {
  collection: CollectionStorage
  items: VersionStorage[]
  next: string | null
  total: number
}

/** Which versions a clean-up means; see `POST …/artifacts/delete`. */
export interface CleanUp {
  collection?: string
  type?: string
  versions?: string[]
  created_before?: string
  keep_last?: number
  expired?: boolean
  with_aliases?: boolean
}

export interface Freed {
  versions: number
  objects: number
  size_bytes: number
}

export interface Purged {
  purged: number
  objects: number
  size_bytes: number
}

/** What the address of the artifact browser names; absent parts are undefined. */
export interface ArtifactPlace {
  type?: string
  collection?: string
  /** `v12` or an alias. */
  version?: string
  tab: VersionTab
  /** Chosen file, on the tab of files. */
  file?: string
}

export const VERSION_TABS = ['overview', 'files', 'metadata', 'diff', 'uses', 'lineage'] as const
export type VersionTab = (typeof VERSION_TABS)[number]

/** Reads `type/collection/version/tab/path…`; names hold no slash. */
export function parseArtifactPlace(splat: string): ArtifactPlace {
  const [type, collection, version, part, ...rest] = splat.split('/').filter((name) => name !== '')
  const tab = VERSION_TABS.find((known) => known === part) ?? 'overview'
  const file = rest.join('/')
  return {
    ...(type === undefined ? {} : { type }),
    ...(collection === undefined ? {} : { collection }),
    ...(version === undefined ? {} : { version }),
    tab,
    ...(tab === 'files' && file !== '' ? { file } : {}),
  }
}

/** The inverse of `parseArtifactPlace`. */
export function artifactSplat({ type, collection, version, tab, file }: Partial<ArtifactPlace>): string {
  const parts = [type, collection, version].filter((part) => part !== undefined)
  if (parts.length < 3) return parts.join('/')
  if (tab === 'files') parts.push('files', ...(file === undefined ? [] : [file]))
  else if (tab !== undefined && tab !== 'overview') parts.push(tab)
  return parts.join('/')
}

/** Types that clients log by themselves: histories, tables of runs, code. They come last in lists. */
export function isAutomaticType(name: string): boolean {
  return name.startsWith('wandb-') || name === 'run_table' || name === 'job' || name === 'code'
}

export interface Snippet {
  title: string
  code: string
}

/** How a version is used, from our SDK, from the unmodified client and from a shell. */
export function usageSnippets(
  path: { entity: string; project: string },
  name: string,
  server: string,
): Snippet[] {
  const full = `${path.entity}/${path.project}/${name}`
  const quoted = JSON.stringify(full)
  const inRun = (module: string): string =>
    [
      `import ${module}`,
      '',
      // Runs are made in projects; a registry only lends versions.
      registryOf(path.project) === null
        ? `run = ${module}.init(project=${JSON.stringify(path.project)})`
        : `run = ${module}.init()`,
      `artifact = run.use_artifact(${quoted})`,
      'folder = artifact.download()',
    ].join('\n')
  return [
    { title: 'kymograph', code: inRun('kymograph') },
    { title: 'wandb', code: inRun('wandb') },
    {
      title: 'No run',
      code: [
        'import wandb',
        '',
        `artifact = wandb.Api().artifact(${quoted})`,
        'folder = artifact.download()',
      ].join('\n'),
    },
    {
      title: 'Shell',
      code: `export WANDB_BASE_URL=${shellWord(server)}\nwandb artifact get ${shellWord(full)}`,
    },
  ]
}

/** A word that a shell takes as it is. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
