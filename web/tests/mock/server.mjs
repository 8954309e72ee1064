// A stand-in for the server: the REST contract over generated data, and the built page.
//
//   node tests/mock/server.mjs [port]      any API key signs in; `team/vision-base` has 30 runs,
//                                          `team/live` has runs that log while you watch

import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DAY_MS, growRun, iso, makeRun, seeded } from './data.mjs'
import { makeMedia } from './compare.mjs'
import { answerSeries } from './series.mjs'

const port = Number(process.argv[2] ?? 8090)
const site = fileURLToPath(new URL('../../../src/kymograph/server/static/', import.meta.url))
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; frame-ancestors 'none'; object-src 'none'; base-uri 'none'"
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

const now = Date.now()
const projects = makeProjects()
const listeners = new Map()
const media = new Map(
  projects.map((project, number) => [
    `${project.entity}/${project.name}`,
    makeMedia(project.runs, { fileUrl: (at) => mediaUrl(number, at) }),
  ]),
)
let signedIn = process.env.MOCK_SIGNED_OUT === undefined

class HttpError extends Error {
  constructor(status, kind, message) {
    super(message)
    Object.assign(this, { status, kind })
  }
}

function makeProjects() {
  const base = { entity: 'team', project: 'vision-base', steps: 2000, now }
  const runs = Array.from({ length: 30 }, (_, i) => makeRun(i, base))
  runs[3].columns.get('train/loss')[812] = 61.7
  const bad = runs[7]
  for (const values of [
    bad.columns.get('train/loss'),
    bad.columns.get('val/loss'),
    bad.columns.get('train/grad_norm'),
  ])
    values.fill(NaN, 1500)
  Object.assign(bad, { state: 'failed', exit_code: 1 })
  runs[5].columns.get('val/loss').fill(Infinity, 300, 305)
  runs[9].damaged = new Map([
    [
      'train/loss',
      [
        {
          object: 'history/12/9f8e7d6c/000031-9c1e.parquet',
          first_step: 600,
          last_step: 799,
          problem: 'segment checksum',
        },
      ],
    ],
  ])
  runs[11].state = 'crashed'
  runs[12].state = 'killed'
  const live = Array.from({ length: 6 }, (_, i) =>
    makeRun(i + 40, {
      entity: 'team',
      project: 'live',
      steps: 120 + i * 40,
      now,
      state: i < 4 ? 'running' : 'finished',
      ageMs: (i + 1) * 60_000,
    }),
  )
  const evil = '<img src=x onerror="window.hacked=1">'
  const odd = [evil, '__proto__', 'naïve \u202Etext \u0007 日本語 🙂', 'a'.repeat(300)].map((name, i) =>
    makeRun(i + 60, { entity: 'team', project: 'odd names', steps: 60, now, name }),
  )
  for (const run of odd) {
    run.config = JSON.parse(
      `{"__proto__": {"x": 1}, "constructor": 2, ${JSON.stringify(evil)}: ${JSON.stringify(evil)}}`,
    )
    run.columns.set(evil, run.columns.get('train/loss'))
    run.columns.set('__proto__', run.columns.get('val/loss'))
    run.tags = [evil]
  }
  const all = [
    { entity: 'team', name: 'vision-base', runs },
    { entity: 'team', name: 'live', runs: live },
    { entity: 'team', name: 'odd names', runs: odd },
    { entity: 'ada', name: 'empty', runs: [] },
  ]
  for (const { runs: members } of all) {
    for (const run of members) {
      const random = seeded(run.color)
      const wave = (scale, base) =>
        Float64Array.from(run.times, (_, i) => base + scale * Math.sin(i / 40) + scale * random())
      run.system = new Map([
        ['system.cpu', wave(20, 50)],
        ['system.memory_percent', wave(3, 40)],
        ['system.gpu.0.gpu', wave(10, 80)],
        ['system.gpu.0.memoryAllocated', wave(2, 60)],
        ['system.disk.in', wave(100, 200)],
      ])
      run.summary = Object.fromEntries(
        [...run.columns].map(([name, values]) => [name, numberOf(values.at(-1))]),
      )
    }
  }
  return all
}

function numberOf(value) {
  return Number.isFinite(value) ? value : { $number: String(value) }
}

function mediaUrl(project, { run, metric, step, place }) {
  return `http://127.0.0.1:${port}/api/v1/media/${[project, run, metric, step, place].join('/')}`
}

function compare(response, path, body) {
  if (path[0] === 'media') {
    const [project, run, metric, step, place] = path.slice(1).map(Number)
    response.writeHead(200, { 'Content-Type': 'image/png', 'Cache-Control': 'max-age=3600' })
    response.end([...media.values()][project].image({ run, metric, step, place }))
    return undefined
  }
  const found = media.get(`${body.entity}/${body.project}`)
  if (!found) throw new HttpError(404, 'ProjectNotFound', 'no such project; check its name')
  return found[path[1]](body)
}

const session = () => ({
  user: { username: 'ada', name: 'Ada', is_admin: true, default_entity: 'ada', entities: ['ada', 'team'] },
  csrf_token: 'mock-csrf',
  server: { version: '0.1.0', public_url: `http://127.0.0.1:${port}` },
})

const INTERNAL = new Set([
  'columns',
  'generators',
  'times',
  'system',
  'config',
  'summary',
  'console',
  'files',
])

function publicRun(run, values) {
  const rest = Object.fromEntries(Object.entries(run).filter(([name]) => !INTERNAL.has(name)))
  return values ? { ...rest, values } : rest
}

function detail(run) {
  return {
    ...publicRun(run),
    config: run.config,
    summary: run.summary,
    metadata: {
      host: 'node-07',
      os: 'Linux-6.1.0-x86_64',
      python: 'CPython 3.11.2',
      program: 'train.py',
      args: ['--lr', String(run.config.lr)],
      gpu: 'A100',
      gpu_count: 1,
      cpu_count: 16,
      git: { commit: '656ef1249c0e', remote: 'git@example.org:team/vision.git' },
    },
    history_lines: run.times.length,
    console_lines: run.console.length,
    file_count: run.files.length,
    storage_bytes: 41_200_000,
  }
}

function metricsOf(runs) {
  const names = new Map()
  for (const run of runs) {
    for (const [name, values] of run.columns) {
      const item = names.get(name) ?? {
        name,
        kind: 'number',
        runs: 0,
        points: 0,
        non_finite: 0,
        last: null,
        x: null,
        hidden: false,
      }
      item.runs++
      item.points += values.length
      if (runs.length === 1) item.last = numberOf(values.at(-1))
      names.set(name, item)
    }
  }
  if (runs.length > 0)
    names.set('samples', {
      name: 'samples',
      kind: 'image',
      runs: runs.length,
      points: 12,
      non_finite: 0,
      last: null,
      x: null,
      hidden: false,
    })
  return page([...names.values()])
}

const page = (items, total = items.length, next = null) => ({ items, next, total })

function sortKey(run, key) {
  const [head, ...rest] = key.split('.')
  if (head === 'summary') return run.summary[rest.join('.')] ?? null
  if (head === 'config') return run.config[rest.join('.')] ?? null
  return key === 'duration' ? run.duration_s : run[key]
}

function listRuns(project, query) {
  const sort = query.get('sort') || '-created_at'
  const down = sort.startsWith('-')
  const key = sort.replace(/^-/, '')
  const q = query.get('q') ?? ''
  let runs = project.runs.filter((run) => {
    if (q.startsWith('{'))
      return Object.entries(JSON.parse(q)).every(
        ([field, value]) =>
          value.$in?.includes(run.id) ?? (field === 'display_name' ? run.name : run[field]) === value,
      )
    return q === '' || `${run.name} ${run.id} ${run.tags}`.toLowerCase().includes(q.toLowerCase())
  })
  const rank = (value) => (typeof value === 'object' ? null : value)
  runs = runs.sort((a, b) => {
    const [x, y] = [rank(sortKey(a, key)), rank(sortKey(b, key))]
    if (x === y) return 0
    if (x === null || x === undefined) return 1
    if (y === null || y === undefined) return -1
    return (x < y ? -1 : 1) * (down ? -1 : 1)
  })
  const columns = query.getAll('columns')
  const from = Number(query.get('after') ?? 0)
  const limit = Number(query.get('limit') ?? 100)
  const items = runs
    .slice(from, from + limit)
    .map((run) =>
      publicRun(
        run,
        Object.fromEntries(
          columns.flatMap((column) => (sortKey(run, column) == null ? [] : [[column, sortKey(run, column)]])),
        ),
      ),
    )
  return page(items, runs.length, from + limit < runs.length ? String(from + limit) : null)
}

function projectOf(project) {
  return {
    entity: project.entity,
    name: project.name,
    description: null,
    visibility: 'private',
    created_at: iso(now - 30 * DAY_MS),
    last_activity_at: project.runs[0]?.heartbeat_at ?? null,
    run_count: project.runs.length,
    running_count: project.runs.filter((run) => run.state === 'running').length,
    storage_bytes: project.runs.length * 41_200_000,
    activity: Array.from({ length: 30 }, (_, i) => (project.runs.length * (i * 7)) % 11),
  }
}

function consoleOf(run, query) {
  const total = run.console.length
  const tail = query.get('tail')
  const first = tail ? Math.max(0, total - Number(tail)) : Number(query.get('start') ?? 0)
  return { total, first, items: run.console.slice(first, first + Number(tail ?? query.get('limit') ?? 500)) }
}

async function api(request, response, path, query) {
  const body = await readBody(request)
  if (path[0] === 'session') {
    if (request.method === 'POST') {
      if (body.api_key === 'wrong')
        throw new HttpError(
          401,
          'Unauthenticated',
          'This API key is not known; check that it was copied in full',
        )
      signedIn = true
      return session()
    }
    if (request.method === 'DELETE') {
      signedIn = false
      return null
    }
    if (!signedIn) throw new HttpError(401, 'Unauthenticated', 'Sign in first')
    return session()
  }
  if (path[0] === 'keys') return { id: 'k1', api_key: '0123456789abcdef0123456789abcdef01234567' }
  if (path[0] === 'compare' || path[0] === 'media') return compare(response, path, body)
  if (path[0] !== 'projects') throw new HttpError(404, 'NotFound', 'No such route')
  const [, entity, name, part, id, sub, ...rest] = path
  if (name === undefined) {
    const wanted = projects.filter(
      (project) =>
        `${project.entity}/${project.name}`.includes(query.get('q') ?? '') &&
        (!query.get('entity') || project.entity === query.get('entity')),
    )
    return page(wanted.map(projectOf))
  }
  const project = projects.find((candidate) => candidate.entity === entity && candidate.name === name)
  if (!project)
    throw new HttpError(404, 'ProjectNotFound', `project '${entity}/${name}' does not exist; check its name`)
  if (part === undefined) return projectOf(project)
  if (part === 'live') return stream(request, response, project)
  if (part === 'metrics') {
    const only = new Set(query.getAll('run'))
    return metricsOf(only.size > 0 ? project.runs.filter((run) => only.has(run.id)) : project.runs)
  }
  if (part === 'series') {
    const wanted = body.runs.flatMap((run) => project.runs.filter((candidate) => candidate.id === run))
    return answerSeries(wanted, body)
  }
  if (id === undefined) return listRuns(project, query)
  const run = project.runs.find((candidate) => candidate.id === id)
  if (!run)
    throw new HttpError(404, 'RunNotFound', `run '${id}' is not in '${entity}/${name}'; check its name`)
  if (sub === undefined) {
    if (request.method === 'PATCH') Object.assign(run, body)
    return detail(run)
  }
  if (sub === 'metrics') return metricsOf([run])
  if (sub === 'system')
    return page(
      [...run.system].map(([metric, values]) => ({
        name: metric,
        kind: 'number',
        runs: 1,
        points: values.length,
        non_finite: 0,
        last: values.at(-1),
        x: null,
        hidden: false,
      })),
    )
  if (sub === 'console') return consoleOf(run, query)
  if (sub === 'stop') {
    run.stop_requested = true
    return null
  }
  if (sub === 'files' && rest.length === 0) {
    return page(
      run.files.map(({ name: file, mimetype, body: bytes }) => ({
        name: file,
        mimetype,
        size_bytes: bytes.length,
        md5: '1B2M2Y8AsgTpgAmY7PhCfg==',
        updated_at: iso(now - 600_000),
      })),
    )
  }
  const file = run.files.find((candidate) => candidate.name === rest.join('/'))
  if (!file) throw new HttpError(404, 'FileNotFound', 'no such file')
  response.writeHead(200, {
    'Content-Type': file.mimetype,
    'X-Content-Type-Options': 'nosniff',
    ...(file.mimetype === 'text/html'
      ? {
          'Content-Security-Policy':
            "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'",
        }
      : {}),
  })
  response.end(file.body)
  return undefined
}

function stream(request, response, project) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  response.write('retry: 2000\n\n: hello\n\n')
  const set = listeners.get(project) ?? new Set()
  listeners.set(project, set.add(response))
  request.on('close', () => set.delete(response))
  return undefined
}

function emit(project, kind, data) {
  for (const response of listeners.get(project) ?? [])
    response.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`)
}

/** Running runs get a few steps twice a second. */
setInterval(() => {
  const project = projects[1]
  for (const run of project.runs) {
    if (run.state !== 'running') continue
    growRun(run, 3, 0.2)
    run.summary = Object.fromEntries(
      [...run.columns].map(([name, values]) => [name, numberOf(values.at(-1))]),
    )
    run.console.push({
      number: run.console.length,
      timestamp: iso(Date.now()),
      level: 'info',
      label: null,
      text: `step ${run.last_step}  loss \u001b[32m${run.columns.get('train/loss').at(-1).toFixed(4)}\u001b[0m`,
    })
    emit(project, 'history', { run: run.id, last_step: run.last_step, lines: run.times.length })
    emit(project, 'summary', { run: run.id })
    emit(project, 'console', { run: run.id, total: run.console.length })
  }
}, 500)

async function readBody(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? {} : JSON.parse(text)
}

async function serveFile(path, response) {
  const wanted = path.startsWith('/assets/') ? join(site, normalize(path)) : join(site, 'index.html')
  const body = await readFile(wanted)
  response.writeHead(200, {
    'Content-Type': TYPES[extname(wanted)] ?? 'application/octet-stream',
    'Content-Security-Policy': POLICY,
  })
  response.end(body)
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://mock')
  const handle = async () => {
    if (!url.pathname.startsWith('/api/v1/')) return serveFile(url.pathname, response)
    const path = url.pathname.slice('/api/v1/'.length).split('/').map(decodeURIComponent)
    const answer = await api(request, response, path, url.searchParams)
    if (answer === undefined) return
    response.writeHead(answer === null ? 204 : 200, { 'Content-Type': 'application/json' })
    response.end(answer === null ? undefined : JSON.stringify(answer))
  }
  handle().catch((error) => {
    const { status = error.code === 'ENOENT' ? 404 : 500, kind = 'Error', message } = error
    if (!response.headersSent) response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify({ error: { kind, message, request_id: 'mock-1', details: [] } }))
  })
}).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}/`))
