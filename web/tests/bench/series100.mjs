// Measures one panel of 100 runs × 1,000,000 points in Chromium at 1440×900: how soon all lines are painted after
// the navigation began, and how many frames a second the page makes while the pointer hovers, zooms and pans.
//
//   node tests/bench/series100.mjs [--grid] [--repeats=3] [--trace=FILE] [URL]
//
// URL is a project that `bench/generate_series.py` has filled; KYMOGRAPH_API_KEY signs in. Without one a stand-in
// server with as many generated points is started. --grid measures the panel as it lies in the workspace instead of on
// the whole window; --trace writes a trace of the last repeat for chrome://tracing or ui.perfetto.dev. CHROMIUM names
// another browser than /usr/bin/chromium.

import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    grid: { type: 'boolean', default: false },
    repeats: { type: 'string', default: '3' },
    metric: { type: 'string', default: 'train/loss' },
    trace: { type: 'string' },
  },
})
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
/** Below this many frames a second an interaction is not smooth. */
const SMOOTH_FPS = 50
const HOVER_MOVES = 400
const WHEEL_TURNS = 40
const PAN_MOVES = 120
const DRAG_ZOOMS = 4
/** No interaction goes on for longer, however slow the page is. */
const MOST_MS = 15_000

/** Runs in the page before its own scripts. */
function watch() {
  const seen = { painted: null, tasks: [], frames: [], recording: false, series: [] }
  window.__bench = seen
  new PerformanceObserver((found) => {
    for (const entry of found.getEntries()) seen.tasks.push({ at: entry.startTime, ms: entry.duration })
  }).observe({ type: 'longtask', buffered: true })
  new PerformanceObserver((found) => {
    for (const entry of found.getEntries())
      if (entry.name.endsWith('/series'))
        seen.series.push([entry.startTime, entry.responseEnd, entry.transferSize])
  }).observe({ type: 'resource', buffered: true })
  seen.isReady = (metric, grid) => {
    const panels = [...document.querySelectorAll('[data-testid=panel]')]
    const panel = panels
      .filter((one) => one.dataset.metric === metric && (grid || one.closest('.full-screen')))
      .at(-1)
    return panel?.dataset.ready === 'true' && panel.querySelector('canvas') !== null
  }
  const tick = (now) => {
    if (seen.recording) seen.frames.push(now)
    requestAnimationFrame(tick)
  }
  requestAnimationFrame(tick)
  seen.waitForPaint = (metric, grid) =>
    new Promise((resolve) => {
      const look = () => {
        if (!seen.isReady(metric, grid)) return requestAnimationFrame(look)
        // The frame that holds the lines is presented when the next but one begins.
        return requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())))
      }
      look()
    })
}

/** Call `act` with 0, 1, … `count - 1` while there is time. */
async function times(count, act) {
  const end = performance.now() + MOST_MS
  for (let i = 0; i < count && performance.now() < end; i++) await act(i)
}

/** Frames while `act` runs, and how long it took until the data it asked for were painted. */
async function record(page, name, act) {
  const { metric, grid } = options
  await page.evaluate(() => {
    window.__bench.frames = []
    window.__bench.tasks = []
    window.__bench.recording = true
  })
  await act()
  const seen = await page.evaluate(() => {
    window.__bench.recording = false
    const { frames, tasks } = window.__bench
    return { frames, tasks: tasks.map((task) => Math.round(task.ms)) }
  })
  await page.evaluate(([m, g]) => window.__bench.waitForPaint(m, g), [metric, grid])
  const gaps = seen.frames.slice(1).map((at, i) => at - seen.frames[i])
  const elapsed = seen.frames.at(-1) - seen.frames[0]
  const sorted = [...gaps].sort((a, b) => a - b)
  return {
    what: name,
    'frames/s': Math.round((gaps.length / elapsed) * 10_000) / 10,
    seconds: Math.round(elapsed / 100) / 10,
    'p95 gap, ms': Math.round(sorted[Math.floor(sorted.length * 0.95)] ?? 0),
    'longest gap, ms': Math.round(sorted.at(-1) ?? 0),
    'long tasks, ms': seen.tasks.join(' ') || '–',
  }
}

async function measure(browser, address, tracing) {
  const { metric, grid } = options
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  const key = process.env.KYMOGRAPH_API_KEY
  if (key) {
    const answer = await page.request.post(new URL('/api/v1/session', address).href, {
      data: { api_key: key },
    })
    if (!answer.ok()) throw new Error(`sign-in: ${answer.status()} ${await answer.text()}`)
  }
  await page.addInitScript(watch)
  const metrics = await context.newCDPSession(page)
  // Processor time of the page's main thread, which a busy machine does not stretch as it does the clock.
  await metrics.send('Performance.enable', { timeDomain: 'threadTicks' })
  const processorMs = async () => {
    const { metrics: found } = await metrics.send('Performance.getMetrics')
    return Math.round(1000 * (found.find(({ name }) => name === 'TaskDuration')?.value ?? 0))
  }
  const target = grid ? address : `${address}?panel=${encodeURIComponent(metric)}`
  await page.goto(target, { waitUntil: 'commit' })
  const painted = await page.evaluate(([m, g]) => window.__bench.waitForPaint(m, g), [metric, grid])
  const processor = await processorMs()
  const first = await page.evaluate(() => window.__bench)
  await page.waitForTimeout(800)
  const [asked, answered, bytes] = await page.evaluate(() => window.__bench.series.at(-1) ?? [0, 0, 0])
  const load = {
    'first paint all in, ms': Math.round(painted),
    'series asked at, ms': Math.round(asked),
    'answered after, ms': Math.round(answered - asked),
    'painted after data, ms': Math.round(painted - answered),
    'processor of the page, ms': processor,
    'data, kB': Math.round(bytes / 1000),
    'long tasks, ms': first.tasks.map((task) => Math.round(task.ms)).join(' ') || '–',
  }
  const selector = `${grid ? '' : '.full-screen '}[data-metric="${metric}"] .u-over`
  const box = await page.locator(selector).last().boundingBox()
  const at = (x, y) => [box.x + box.width * x, box.y + box.height * y]

  const session = tracing ? await context.newCDPSession(page) : null
  const events = []
  if (session) {
    session.on('Tracing.dataCollected', ({ value }) => events.push(...value))
    await session.send('Tracing.start', {
      transferMode: 'ReportEvents',
      categories:
        'devtools.timeline,disabled-by-default-devtools.timeline,disabled-by-default-v8.cpu_profiler,cc,blink',
    })
  }
  const rows = []
  await page.mouse.move(...at(0.1, 0.5))
  rows.push(
    await record(page, 'hover', async () => {
      for (let i = 0; i < HOVER_MOVES; i++)
        await page.mouse.move(...at(0.05 + (0.9 * i) / HOVER_MOVES, 0.5 + 0.45 * Math.sin(i / 9)))
    }),
  )
  const exact = []
  rows.push(
    await record(page, 'zoom by drag, and back', () =>
      times(DRAG_ZOOMS, async (i) => {
        const left = 0.15 + 0.1 * i
        await page.mouse.move(...at(left, 0.5))
        await page.mouse.down()
        await page.mouse.move(...at(left + 0.4, 0.5), { steps: 20 })
        const began = await page.evaluate(() => performance.now())
        await page.mouse.up()
        await page.waitForTimeout(30)
        const done = await page.evaluate(([m, g]) => window.__bench.waitForPaint(m, g), [metric, grid])
        exact.push(done - began)
        await page.mouse.dblclick(...at(0.5, 0.9))
        await page.waitForTimeout(150)
      }),
    ),
  )
  rows.push(
    await record(page, 'zoom by wheel', async () => {
      await page.mouse.move(...at(0.4, 0.5))
      await page.keyboard.down('Alt')
      await times(WHEEL_TURNS, async (i) => {
        await page.mouse.wheel(0, i < WHEEL_TURNS / 2 ? -100 : 100)
        await page.waitForTimeout(30)
      })
      await page.keyboard.up('Alt')
    }),
  )
  await page.keyboard.press('0')
  await page.waitForTimeout(500)
  await page.mouse.move(...at(0.4, 0.5))
  await page.keyboard.down('Alt')
  for (let i = 0; i < 6; i++) await page.mouse.wheel(0, -100)
  await page.keyboard.up('Alt')
  await page.waitForTimeout(500)
  rows.push(
    await record(page, 'pan', async () => {
      await page.mouse.move(...at(0.2, 0.5))
      await page.keyboard.down('Alt')
      await page.mouse.down()
      await times(PAN_MOVES, (i) =>
        page.mouse.move(...at(0.2 + 0.6 * Math.abs(Math.sin((i * Math.PI) / PAN_MOVES)), 0.5)),
      )
      await page.mouse.up()
      await page.keyboard.up('Alt')
    }),
  )
  if (session) {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
    await session.send('Tracing.end')
    await complete
    await writeFile(tracing, JSON.stringify({ traceEvents: events }))
  }
  await context.close()
  load['zoomed exactly after, ms'] = Math.round(Math.max(...exact))
  return { load, rows }
}

async function startStandIn() {
  const script = fileURLToPath(new URL('standin.mjs', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const address = await new Promise((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve)
    child.once('exit', (code) => reject(new Error(`the stand-in server ended with status ${code}`)))
  })
  return { address: `${address}/team/bench`, stop: () => child.kill() }
}

const standIn = positionals[0] ? null : await startStandIn()
const address = positionals[0] ?? standIn.address
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: FLAGS,
})
try {
  const loads = []
  const repeats = Number(options.repeats)
  let smooth = true
  for (let i = 0; i < repeats; i++) {
    const { load, rows } = await measure(browser, address, i === repeats - 1 ? options.trace : undefined)
    loads.push(load)
    console.table(rows)
    smooth &&= rows.every((row) => row['frames/s'] >= SMOOTH_FPS)
  }
  console.table(loads)
  console.log(
    `${options.grid ? 'panel in the workspace' : 'panel on the whole window'}, ${standIn ? 'stand-in server' : address}; ` +
      `load ${loadavg()[0].toFixed(1)}; ${smooth ? 'every' : 'NOT every'} interaction ≥ ${SMOOTH_FPS} frames/s`,
  )
} finally {
  await browser.close()
  standIn?.stop()
}
