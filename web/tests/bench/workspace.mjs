// Measures a project's workspace in Chromium at 1440×900: how soon charts are useful, how many panels are
// whole, how long tasks get while the pointer moves, and how much was loaded.
//
//   KYMOGRAPH_API_KEY=… node tests/bench/workspace.mjs http://127.0.0.1:8080/team/vision-base [repeats]
//
// Against the mock server the key is not needed. CHROMIUM names another browser than /usr/bin/chromium.

import { chromium } from 'playwright-core'

const [, , address, repeats = '3'] = process.argv
if (!address) {
  console.error('usage: node tests/bench/workspace.mjs URL [repeats]')
  process.exit(2)
}
const HOVER_MS = 5000
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Runs in the page before its own scripts: notes when panels get data, and long tasks. */
function watch() {
  const seen = { first: null, nine: null, all: null, tasks: [], moves: [] }
  window.__bench = seen
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.tasks.push({ at: entry.startTime, ms: entry.duration })
  }).observe({ type: 'longtask', buffered: true })
  const whole = (panel) => {
    const box = panel.getBoundingClientRect()
    return box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth
  }
  seen.whole = () => [...document.querySelectorAll('[data-testid=panel]')].filter(whole)
  const look = () => {
    const panels = seen.whole()
    const ready = panels.filter((panel) => panel.dataset.ready === 'true' && panel.querySelector('canvas'))
    if (ready.length > 0) seen.first ??= performance.now()
    if (ready.length >= 9) seen.nine ??= performance.now()
    if (ready.length > 0 && ready.length === panels.length) seen.all ??= performance.now()
    if (seen.all === null || seen.nine === null) requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}

/** Zig-zag over the panels that are wholly in view. */
async function hover(page, boxes) {
  const end = Date.now() + HOVER_MS
  let step = 0
  while (Date.now() < end) {
    const box = boxes[Math.floor(step / 60) % boxes.length]
    const along = (step % 60) / 60
    await page.mouse.move(
      box.x + 60 + along * (box.width - 80),
      box.y + 40 + (0.5 + 0.45 * Math.sin(step / 7)) * (box.height - 80),
    )
    step++
  }
  return step
}

async function measure(browser) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  const key = process.env.KYMOGRAPH_API_KEY
  if (key) {
    const answer = await page.request.post(new URL('/api/v1/session', address).href, {
      data: { api_key: key },
    })
    if (!answer.ok()) throw new Error(`sign-in: ${answer.status()} ${await answer.text()}`)
  }
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  const bytes = { code: 0, data: 0, requests: 0 }
  const kinds = new Map()
  session.on('Network.responseReceived', ({ requestId, response }) => kinds.set(requestId, response.url))
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    bytes[kinds.get(requestId)?.includes('/api/') ? 'data' : 'code'] += encodedDataLength
    bytes.requests++
  })
  await page.addInitScript(watch)
  await page.goto(address)
  await page.waitForFunction(() => window.__bench.all !== null, null, { timeout: 60_000 })
  await page.waitForTimeout(1500)
  const loaded = { ...bytes }
  const boxes = await page.evaluate(() =>
    window.__bench.whole().map((panel) => panel.getBoundingClientRect().toJSON()),
  )
  const from = await page.evaluate(() => performance.now())
  const moves = await hover(page, boxes)
  const seen = await page.evaluate(() => ({ ...window.__bench, whole: undefined }))
  await context.close()
  const longest = (tasks) => Math.round(tasks.reduce((most, task) => Math.max(most, task.ms), 0))
  return {
    'first chart, ms': Math.round(seen.first),
    'nine panels, ms': seen.nine === null ? '–' : Math.round(seen.nine),
    'all in view, ms': Math.round(seen.all),
    'whole panels': boxes.length,
    'longest task loading, ms': longest(seen.tasks.filter((task) => task.at < from)),
    // Tasks below 50 ms are not reported by browsers: 0 means that none was longer.
    'longest task hovering, ms': longest(seen.tasks.filter((task) => task.at >= from)),
    'pointer moves': moves,
    'code, kB': Math.round(loaded.code / 1000),
    'data, kB': Math.round(loaded.data / 1000),
    requests: loaded.requests,
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: FLAGS,
})
try {
  const rows = []
  for (let i = 0; i < Number(repeats); i++) rows.push(await measure(browser))
  console.table(rows)
} finally {
  await browser.close()
}
