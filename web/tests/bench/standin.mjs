// A stand-in server for `series100.mjs`: the routes that a chart page asks, over 100 generated runs of one metric
// with a million points each. Buckets are computed exactly, from the points and coarser levels, for any range.
//
//   node tests/bench/standin.mjs [port] [runs] [points]      prints its address when it is ready
//
// No sign-in. It measures nothing: whatever it takes is what a fast server would take.

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodeSeries, SERIES_TYPE } from '../mock/seriesBytes.mjs'

const [, , port = '0', runCount = '100', pointCount = '1000000'] = process.argv
const RUNS = Number(runCount)
const POINTS = Number(pointCount)
const METRIC = 'train/loss'
const START_S = 1_790_000_000
/** Points in a block of the coarser level. */
const BLOCK = 32
const SPIKE_EVERY = 250_000
const NAN_RUN = 7
const site = fileURLToPath(new URL('../../../src/kymograph/server/static/', import.meta.url))
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

const runs = Array.from({ length: RUNS }, (_, index) => makeRun(index))

/** A falling curve with quick and slow noise and a spike now and then; one run turns NaN near its end. */
function makeRun(index) {
  const values = new Float32Array(POINTS)
  let state = (index + 1) * 2654435761
  const rate = 2 + (index % 7)
  const floor = 0.05 + 0.01 * index
  let slow = 0
  for (let i = 0; i < POINTS; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const noise = (state >>> 0) / 2 ** 32
    slow = slow * 0.9995 + (noise - 0.5) * 0.01
    values[i] = floor + 2.3 * Math.exp((-rate * i) / POINTS) + 0.15 * noise + slow
    if ((i + 7919 * index) % SPIKE_EVERY === 0) values[i] = 4 + noise
  }
  if (index === NAN_RUN) values.fill(NaN, Math.floor(POINTS * 0.9))
  const blocks = Math.ceil(POINTS / BLOCK)
  const level = {
    min: new Float32Array(blocks),
    max: new Float32Array(blocks),
    sum: new Float64Array(blocks),
    n: new Int32Array(blocks),
  }
  for (let b = 0; b < blocks; b++) {
    const total = emptyTotal()
    addPoints(total, values, b * BLOCK, Math.min(POINTS, (b + 1) * BLOCK))
    level.min[b] = total.min
    level.max[b] = total.max
    level.sum[b] = total.sum
    level.n[b] = total.n
  }
  const id = `bench${String(index).padStart(3, '0')}`
  return { id, index, name: `resnet-${18 + 16 * (index % 3)}-lr8e-04-s2-seed${index}`, values, level }
}

function emptyTotal() {
  return { min: Infinity, max: -Infinity, sum: 0, n: 0 }
}

function addPoints(total, values, from, to) {
  for (let i = from; i < to; i++) {
    const value = values[i]
    if (value !== value) continue
    total.n++
    total.sum += value
    if (value < total.min) total.min = value
    if (value > total.max) total.max = value
  }
}

/** Points `from` to `to`, exclusive, with whole blocks where they fit. */
function totalOf({ values, level }, from, to) {
  const total = emptyTotal()
  const first = Math.ceil(from / BLOCK)
  const last = Math.floor(to / BLOCK)
  if (first >= last) {
    addPoints(total, values, from, to)
    return total
  }
  addPoints(total, values, from, first * BLOCK)
  for (let b = first; b < last; b++) {
    total.n += level.n[b]
    total.sum += level.sum[b]
    if (level.min[b] < total.min) total.min = level.min[b]
    if (level.max[b] > total.max) total.max = level.max[b]
  }
  addPoints(total, values, last * BLOCK, to)
  return total
}

/** How an axis turns point numbers into x and back. */
function axisOf(kind) {
  if (kind === 'time') return { at: (i) => START_S + i * 0.1, index: (x) => (x - START_S) * 10 }
  if (kind === 'relative') return { at: (i) => i * 0.1, index: (x) => x * 10 }
  return { at: (i) => i, index: (x) => x }
}

function answerSeries({ runs: ids, metrics, x, min, max, width }) {
  const axis = axisOf(x)
  const wanted = new Set(ids)
  const low = min ?? axis.at(0)
  const high = max ?? axis.at(POINTS - 1)
  const from = Math.min(POINTS, Math.max(0, Math.ceil(axis.index(low) - 1e-6)))
  const to = Math.max(from, Math.min(POINTS, Math.floor(axis.index(high) + 1e-6) + 1))
  const chosen = metrics.includes(METRIC) ? runs.filter((run) => wanted.has(run.id)) : []
  const count = to - from
  const exact = count <= width
  const starts = [from]
  const xs = []
  if (exact) for (let i = from; i < to; i++) xs.push(axis.at(i))
  else {
    // The same edges as the server's: equal parts of [low, high], the last one closed.
    for (let b = 1; b < width; b++) {
      const edge = axis.index(low + ((high - low) * b) / width)
      starts.push(Math.min(to, Math.max(from, Math.ceil(edge - 1e-6))))
    }
    starts.push(to)
    for (let b = 0; b < width; b++)
      if (starts[b + 1] > starts[b]) xs.push(low + ((high - low) * (b + 0.5)) / width)
  }
  const series = chosen.map((run) => oneSeries(run, axis, { from, to, exact, starts, size: xs.length }))
  return { x, range: count > 0 ? [low, high] : null, width, truncated: false, xs: [xs], series }
}

function oneSeries(run, axis, { from, to, exact, starts, size }) {
  const nanFrom = run.index === NAN_RUN ? Math.max(from, Math.floor(POINTS * 0.9)) : to
  const last = run.values[to - 1]
  const base = {
    run: run.id,
    metric: METRIC,
    points: to - from,
    exact,
    x: 0,
    nan: nanFrom < to ? [[axis.at(nanFrom), axis.at(to - 1), to - nanFrom]] : [],
    pos_inf: [],
    neg_inf: [],
    last: Number.isFinite(last) ? last : { $number: 'NaN' },
  }
  if (exact) return { ...base, mean: Float64Array.from(run.values.subarray(from, to)) }
  const mean = new Float32Array(size)
  const min = new Float32Array(size)
  const max = new Float32Array(size)
  const count = new Uint32Array(size)
  let at = 0
  for (let b = 0; b + 1 < starts.length; b++) {
    if (starts[b + 1] <= starts[b]) continue
    const total = totalOf(run, starts[b], starts[b + 1])
    mean[at] = total.n > 0 ? total.sum / total.n : NaN
    min[at] = total.n > 0 ? total.min : NaN
    max[at] = total.n > 0 ? total.max : NaN
    count[at++] = total.n
  }
  return { ...base, mean, min, max, count }
}

const created = new Date(START_S * 1000).toISOString()
const list = runs.map((run) => ({
  id: run.id,
  entity: 'team',
  project: 'bench',
  name: run.name,
  state: 'finished',
  color: (run.index * 7) % 24,
  notes: '',
  tags: [],
  group: null,
  job_type: null,
  user: 'ada',
  host: null,
  sweep: null,
  created_at: created,
  started_at: created,
  heartbeat_at: created,
  finished_at: created,
  duration_s: POINTS / 10,
  last_step: POINTS - 1,
  exit_code: 0,
  stop_requested: false,
  values: {},
}))
const metric = {
  name: METRIC,
  kind: 'number',
  runs: RUNS,
  points: RUNS * POINTS,
  non_finite: 0,
  last: null,
  x: null,
  hidden: false,
}

function answer(path, query, body) {
  const [, , , part] = path
  if (path[0] === 'session')
    return {
      user: {
        username: 'ada',
        name: 'Ada',
        is_admin: true,
        default_entity: 'ada',
        entities: ['ada', 'team'],
      },
      csrf_token: 'none',
      server: { version: '0', public_url: '' },
    }
  if (part === 'metrics') return { items: [metric], total: 1, next: null }
  if (part === 'series') return answerSeries(body)
  if (part === 'runs') {
    const from = Number(query.get('after') ?? 0)
    const end = from + Number(query.get('limit') ?? 100)
    return { items: list.slice(from, end), total: list.length, next: end < list.length ? String(end) : null }
  }
  return { entity: 'team', name: 'bench', run_count: RUNS, running_count: 0 }
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://standin')
  if (!url.pathname.startsWith('/api/v1/')) {
    const asset = url.pathname.startsWith('/assets/')
    const wanted = join(site, asset ? normalize(url.pathname) : 'index.html')
    response.writeHead(200, { 'Content-Type': TYPES[extname(wanted)] ?? 'application/octet-stream' })
    response.end(await readFile(wanted))
    return
  }
  const path = url.pathname.slice('/api/v1/'.length).split('/').map(decodeURIComponent)
  if (path[3] === 'live') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write('retry: 2000\n\n')
    return
  }
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  const content = answer(path, url.searchParams, text === '' ? {} : JSON.parse(text))
  if (path[3] === 'series' && request.headers.accept?.includes(SERIES_TYPE)) {
    response.writeHead(200, { 'Content-Type': SERIES_TYPE })
    response.end(encodeSeries(content))
    return
  }
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.end(
    JSON.stringify(content, (_, value) =>
      ArrayBuffer.isView(value)
        ? Array.from(value, (v) => (Number.isNaN(v) ? null : Number(v.toPrecision(7))))
        : value,
    ),
  )
})
server.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
