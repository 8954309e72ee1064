/** Files by folder, and what kind of preview a file gets. */

import type { RunFile } from './types'
import { compareNames } from './diff'

export interface Folder {
  name: string
  path: string
  folders: Folder[]
  files: RunFile[]
  sizeBytes: number
  count: number
}

export function toTree(files: readonly RunFile[]): Folder {
  const root = emptyFolder('', '')
  const byPath = new Map([['', root]])
  for (const file of files) {
    const parts = file.name.split('/')
    let folder = root
    grow(folder, file)
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/')
      let next = byPath.get(path)
      if (!next) {
        next = emptyFolder(parts[depth - 1] ?? '', path)
        byPath.set(path, next)
        folder.folders.push(next)
      }
      folder = next
      grow(folder, file)
    }
    folder.files.push(file)
  }
  for (const folder of byPath.values()) {
    folder.folders.sort((a, b) => compareNames(a.name, b.name))
    folder.files.sort((a, b) => compareNames(a.name, b.name))
  }
  return root
}

export type PreviewKind =
  'image' | 'audio' | 'video' | 'csv' | 'parquet' | 'table' | 'json' | 'text' | 'html' | 'binary'

const BY_ENDING: ReadonlyMap<string, PreviewKind> = new Map([
  ...['png', 'jpg', 'jpeg', 'gif', 'webp', 'bmp', 'svg', 'avif'].map((end) => [end, 'image'] as const),
  ...['wav', 'mp3', 'ogg', 'flac', 'm4a'].map((end) => [end, 'audio'] as const),
  ...['mp4', 'webm', 'mov', 'ogv'].map((end) => [end, 'video'] as const),
  ['parquet', 'parquet'],
  ...['csv', 'tsv'].map((end) => [end, 'csv'] as const),
  ...['json', 'ipynb'].map((end) => [end, 'json'] as const),
  ...[
    'txt',
    'log',
    'md',
    'yaml',
    'yml',
    'toml',
    'ini',
    'cfg',
    'py',
    'sh',
    'js',
    'ts',
    'c',
    'h',
    'cpp',
    'rs',
    'go',
    'java',
    'r',
    'sql',
    'xml',
    'css',
    'patch',
    'diff',
    'jsonl',
    'lock',
  ].map((end) => [end, 'text'] as const),
  ['html', 'html'],
])

export function previewKind(file: { name: string; mimetype: string | null }): PreviewKind {
  if (file.name.endsWith('.table.json')) return 'table'
  const ending = file.name.slice(file.name.lastIndexOf('.') + 1).toLowerCase()
  const known = BY_ENDING.get(ending)
  if (known) return known
  const type = file.mimetype ?? ''
  for (const kind of ['image', 'audio', 'video'] as const) if (type.startsWith(`${kind}/`)) return kind
  if (type.startsWith('text/html')) return 'html'
  if (type.startsWith('text/csv')) return 'csv'
  if (type.startsWith('application/json')) return 'json'
  return type.startsWith('text/') ? 'text' : 'binary'
}

function emptyFolder(name: string, path: string): Folder {
  return { name, path, folders: [], files: [], sizeBytes: 0, count: 0 }
}

function grow(folder: Folder, file: RunFile): void {
  folder.sizeBytes += file.size_bytes
  folder.count++
}
