/** One file: facts, download, and a preview that never runs anything of it. */

import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { apiUrl } from '../api/http'
import { columnsQuery, fileTextQuery } from '../api/queries'
import { parseCsv } from '../core/csv'
import { asNumber, decodeLogged, isList, isMap, type Logged } from '../core/exact'
import { previewKind, type PreviewKind } from '../core/fileTree'
import { formatBytes, formatNumber, plural } from '../core/format'
import { isTyped, pathOfTyped } from '../core/media'
import { visibleControls } from '../core/text'
import { Ago } from '../ui/Ago'
import { Button } from '../ui/Button'
import { Icon } from '../ui/Icon'
import { ErrorNote, SkeletonRows } from '../ui/States'
import { Name, Text } from '../ui/Text'
import { Value } from '../ui/Value'

const AUTO_LOAD_BYTES = 10_000_000
const TEXT_BYTES = 1_000_000
const MOST_ROWS = 500
/** Images up to this width are enlarged. */
export const TINY_PIXELS = 64

/** A file of a run or of an artifact. */
export interface PreviewedFile {
  name: string
  size_bytes: number
  mimetype: string | null
  md5: string | null
  updated_at?: string | null
}

interface FilePreviewProps {
  /** Where the API answers the bytes. */
  path: string
  file: PreviewedFile
  /** The address of an image that a table names, if tables name any. */
  mediaUrl?: (path: string) => string
  /** Where the API answers the rows of a Parquet file, if it does. */
  rowsPath?: string
}

export function FilePreview(props: FilePreviewProps) {
  const { path, file, rowsPath } = props
  const [asked, setAsked] = useState(false)
  const known = previewKind(file)
  const kind = known === 'parquet' && rowsPath === undefined ? 'binary' : known
  const small = kind === 'parquet' || file.size_bytes <= (isText(kind) ? TEXT_BYTES : AUTO_LOAD_BYTES)
  return (
    <>
      <header className="files-head">
        <h2>
          <Name>{file.name}</Name>
        </h2>
        <span className="faint">
          {formatBytes(file.size_bytes)}
          {file.updated_at !== undefined && file.updated_at !== null && (
            <>
              {' · '}
              <Ago iso={file.updated_at} />
            </>
          )}
        </span>
        <a className="button is-plain" href={apiUrl(path, { download: 1 })} download>
          <Icon name="download" /> Download
        </a>
      </header>
      <div className="files-body" tabIndex={0} data-testid="file-preview">
        {kind === 'binary' ? (
          <Facts file={file} />
        ) : small || asked ? (
          <Preview {...props} kind={kind} />
        ) : (
          <div className="empty">
            <h2>{formatBytes(file.size_bytes)}</h2>
            <Button onClick={() => setAsked(true)}>Load it here</Button>
          </div>
        )}
      </div>
    </>
  )
}

interface PreviewProps extends FilePreviewProps {
  kind: PreviewKind
}

function Preview(props: PreviewProps): ReactNode {
  const { path, file, kind } = props
  const url = apiUrl(path)
  if (kind === 'image') return <Picture url={url} name={file.name} />
  if (kind === 'audio') return <audio controls src={url} />
  if (kind === 'video') return <video controls src={url} />
  if (kind === 'html') return <Html url={url} />
  if (kind === 'parquet' && props.rowsPath !== undefined) return <ParquetPreview path={props.rowsPath} />
  return <TextPreview {...props} />
}

/** An image in its own size; a tiny one enlarged with its pixels visible. */
function Picture({ url, name }: { url: string; name: string }) {
  const [size, setSize] = useState<{ width: number; height: number } | null>(null)
  const tiny = size !== null && size.width > 0 && size.width <= TINY_PIXELS
  return (
    <figure>
      <img
        className={`preview-image ${tiny ? 'is-tiny' : ''}`}
        src={url}
        alt={name}
        onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
          setSize({ width: naturalWidth, height: naturalHeight })
        }
      />
      {size && (
        <figcaption className="faint">
          {size.width} × {size.height} pixels{tiny && ', enlarged'}
        </figcaption>
      )}
    </figure>
  )
}

/** Logged HTML runs in a frame of its own origin, without network, and only when asked for. */
function Html({ url }: { url: string }) {
  const [asked, setAsked] = useState(false)
  if (!asked) {
    return (
      <div className="empty">
        <h2>A logged web page</h2>
        <p>It is shown in a sandbox without access to this page or the network.</p>
        <Button onClick={() => setAsked(true)}>Show it</Button>
      </div>
    )
  }
  return <iframe className="preview-html" title="Logged HTML" sandbox="allow-scripts" src={url} />
}

/** The first rows of a file of columns, which the server reads. */
function ParquetPreview({ path }: { path: string }) {
  const query = useQuery(columnsQuery(path))
  if (query.error) {
    return (
      <ErrorNote what="The rows could not be read" error={query.error} onRetry={() => void query.refetch()} />
    )
  }
  if (query.data === undefined) return <SkeletonRows rows={10} label="Loading the rows" />
  const { columns, row_count: count, truncated } = query.data
  const decoded = columns.map(({ values }) => values.map(decodeLogged))
  const rows = Array.from({ length: count }, (_, row) => decoded.map((values) => values[row] ?? null))
  return (
    <>
      <Rows head={columns.map(({ name }) => name)} rows={rows} />
      {truncated && <p className="faint">The first {formatNumber(count)} rows: download the file for all.</p>}
    </>
  )
}

function TextPreview({ path, file, kind, mediaUrl }: PreviewProps) {
  const query = useQuery(fileTextQuery(path))
  if (query.error) {
    return (
      <ErrorNote what="The file could not be read" error={query.error} onRetry={() => void query.refetch()} />
    )
  }
  if (query.data === undefined) return <SkeletonRows rows={10} label="Loading the file" />
  const text = query.data
  if (kind === 'csv') {
    const [head = [], ...rows] = parseCsv(text, file.name.endsWith('.tsv') ? '\t' : ',')
    return <Rows head={head} rows={rows} />
  }
  if (kind === 'json' || kind === 'table') {
    const value = parseJson(text)
    if (value === undefined) return <Plain text={text} />
    const columns = kind === 'table' && isMap(value) ? value.get('columns') : undefined
    const data = isMap(value) ? value.get('data') : undefined
    if (isList(columns) && isList(data)) {
      const rows = data.map((row) => (isList(row) ? row : [row]))
      return <Rows head={columns} rows={rows} {...(mediaUrl ? { mediaUrl } : {})} />
    }
    return (
      <div className="json-tree mono">
        <Json value={value} name={null} depth={0} />
      </div>
    )
  }
  return <Plain text={text} />
}

function Plain({ text }: { text: string }) {
  return (
    <pre className="preview-text">
      <bdi>{visibleControls(text)}</bdi>
    </pre>
  )
}

interface RowsProps {
  head: readonly Logged[]
  rows: readonly (readonly Logged[])[]
  mediaUrl?: (path: string) => string
}

function Rows({ head, rows, mediaUrl }: RowsProps) {
  const [most, setMost] = useState(MOST_ROWS)
  return (
    <div className="data-table">
      <table>
        <thead>
          <tr>
            {head.map((cell, index) => (
              <th key={index} scope="col" className={asNumber(rows[0]?.[index]) === null ? 'is-text' : ''}>
                <Value value={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, most).map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} className={asNumber(cell) === null ? 'is-text' : ''}>
                  <Cell value={cell} {...(mediaUrl ? { mediaUrl } : {})} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="faint">
        {rows.length > most
          ? `${formatNumber(most)} of ${plural(rows.length, 'row')} `
          : plural(rows.length, 'row')}
        {rows.length > most && (
          <button type="button" className="link" onClick={() => setMost(most * 10)}>
            show more
          </button>
        )}
      </p>
    </div>
  )
}

/** A value, or the image that it stands for. */
function Cell({ value, mediaUrl }: { value: Logged; mediaUrl?: (path: string) => string }) {
  const image = isTyped(value) && value.get('_type') === 'image-file' ? pathOfTyped(value) : null
  if (image === null || !mediaUrl) return <Value value={value} />
  return <img className="cell-image" loading="lazy" src={mediaUrl(image)} alt={image} />
}

const OPEN_DEPTH = 2
const MOST_CHILDREN = 200

function Json({ value, name, depth }: { value: Logged; name: string | null; depth: number }) {
  const label = name !== null && (
    <span className="json-key">
      <Text>{name}</Text>:{' '}
    </span>
  )
  const children: [string, Logged][] | null = isMap(value)
    ? [...value]
    : isList(value)
      ? value.map((item, index) => [String(index), item])
      : null
  if (!children || children.length === 0) {
    return (
      <div className="json-leaf">
        {label}
        {typeof value === 'string' ? (
          <Text>{JSON.stringify(value)}</Text>
        ) : children ? (
          isMap(value) ? (
            '{}'
          ) : (
            '[]'
          )
        ) : (
          <Value value={value} />
        )}
      </div>
    )
  }
  return (
    <details open={depth < OPEN_DEPTH}>
      <summary>
        {label}
        <span className="faint">
          {isMap(value) ? plural(children.length, 'key') : plural(children.length, 'item')}
        </span>
      </summary>
      {children.slice(0, MOST_CHILDREN).map(([key, child]) => (
        <Json key={key} value={child} name={key} depth={depth + 1} />
      ))}
      {children.length > MOST_CHILDREN && (
        <div className="faint">{formatNumber(children.length - MOST_CHILDREN)} more: download the file</div>
      )}
    </details>
  )
}

function Facts({ file }: { file: PreviewedFile }) {
  return (
    <dl className="facts">
      <div>
        <dt>Size</dt>
        <dd>{formatNumber(file.size_bytes)} bytes</dd>
      </div>
      <div>
        <dt>Type</dt>
        <dd>{file.mimetype ?? 'unknown'}</dd>
      </div>
      {file.md5 !== null && (
        <div>
          <dt>MD5</dt>
          <dd className="mono">{file.md5}</dd>
        </div>
      )}
    </dl>
  )
}

function isText(kind: PreviewKind): boolean {
  return kind === 'text' || kind === 'csv' || kind === 'json' || kind === 'table'
}

/** Logged JSON may hold bare NaN and Infinity, which the standard forbids: then it is shown as text. */
function parseJson(text: string): Logged | undefined {
  try {
    return decodeLogged(JSON.parse(text))
  } catch {
    return undefined
  }
}
