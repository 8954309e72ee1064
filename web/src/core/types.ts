/** What the REST API answers, as `docs/reference/rest.md` fixes it. Logged values stay undecoded (`unknown`). */

export interface Page<T> {
  items: T[]
  next: string | null
  total: number
}

export interface User {
  username: string
  name: string
  is_admin: boolean
  default_entity: string
  entities: string[]
}

export interface Session {
  user: User
  csrf_token: string
  server: { version: string; public_url: string }
}

export interface ApiKey {
  id: string
  description: string
  prefix: string
  created_at: string
  last_used_at: string | null
}

export interface NewApiKey {
  id: string
  api_key: string
}

export interface Project {
  entity: string
  name: string
  description: string | null
  visibility: string
  created_at: string
  last_activity_at: string | null
  run_count: number
  running_count: number
  storage_bytes: number
  /** Runs created per day, oldest first, today last. */
  activity: number[]
}

export type RunState =
  'running' | 'stale' | 'finished' | 'failed' | 'crashed' | 'killed' | 'preempting' | 'preempted' | 'pending'

export interface RunBase {
  id: string
  entity: string
  project: string
  name: string
  state: RunState
  /** Palette slot, 0–23. */
  color: number
  notes: string | null
  tags: string[]
  group: string | null
  job_type: string | null
  user: string | null
  host: string | null
  sweep: string | null
  created_at: string
  started_at: string | null
  heartbeat_at: string | null
  finished_at: string | null
  duration_s: number | null
  last_step: number | null
  exit_code: number | null
  stop_requested: boolean
}

export interface Run extends RunBase {
  values: Record<string, unknown>
}

/** As much of a run as a legend shows. */
export type NamedRun = Pick<Run, 'id' | 'name' | 'color'>

export interface RunDetail extends RunBase {
  config: unknown
  summary: unknown
  metadata: unknown
  history_lines: number
  console_lines: number
  file_count: number
  storage_bytes: number
}

export interface RunChange {
  name?: string
  notes?: string
  tags?: string[]
  color?: number
  group?: string | null
}

export interface Metric {
  name: string
  kind: string
  runs: number
  points: number
  non_finite: number
  last: unknown
  x: string | null
  hidden: boolean
}

/** Columns of one length; values stay undecoded. */
export interface ColumnsAnswer {
  columns: { name: string; type: string; values: unknown[] }[]
  row_count: number
  truncated: boolean
}

export interface ConsoleLine {
  number: number
  timestamp: string | null
  level: string
  label: string | null
  text: string
}

export interface ConsolePage {
  total: number
  first: number
  items: ConsoleLine[]
}

export interface RunFile {
  name: string
  size_bytes: number
  mimetype: string | null
  md5: string | null
  updated_at: string | null
}

/** First x, last x and number of points of consecutive non-finite points. */
export type Mark = [number, number, number]

export interface SeriesRequest {
  runs: string[]
  metrics: string[]
  stream: 'history' | 'system'
  x: string
  min: number | null
  max: number | null
  width: number
}

/** A range of steps of a series that the server could not read. */
export interface DamagedRange {
  /** The stored object that is damaged. */
  object: string
  first_step: number
  last_step: number
  problem: string
}

/** One series; `C` is how a column travels: numbers and null, or where its bytes are. */
export interface SeriesColumns<C> {
  run: string
  metric: string
  points: number
  exact: boolean
  x: number
  mean: C
  min?: C
  max?: C
  count?: C
  nan: Mark[]
  pos_inf: Mark[]
  neg_inf: Mark[]
  last: unknown
  /** Absent when all could be read. */
  damaged?: DamagedRange[]
}

export interface SeriesAnswer<C> {
  x: string
  range: [number, number] | null
  width: number
  /** Not all of what was asked for is there. */
  truncated: boolean
  xs: C[]
  series: SeriesColumns<C>[]
}

export interface HistoryEvent {
  run: string
  last_step: number | null
  lines: number
}

export const RUNNING_STATES: ReadonlySet<RunState> = new Set(['running', 'stale', 'preempting', 'pending'])
