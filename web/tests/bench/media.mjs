// Measures the media page in Chromium at 1440×900 with 20 runs × 8 metrics × 5,000 steps of generated images: how soon
// images are there, how long tasks get while the step slider is dragged, and how soon a step is shown that a key asks for.
//
//   node tests/bench/media.mjs [repeats]
//
// The server is the mock one, on port 8393 of this machine. CHROMIUM names another browser than /usr/bin/chromium.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const repeats = Number(process.argv[2] ?? 3)
const PORT = 8393
const RUNS = 20
const SLIDE_MS = 5000
const KEY_STEPS = 20
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']

/** Runs in the page before its own scripts. */
function watch() {
  const seen = { tasks: [], frames: [] }
  window.__bench = seen
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.tasks.push({ at: entry.startTime, ms: entry.duration })
  }).observe({ type: 'longtask', buffered: true })
  let before = performance.now()
  const frame = (now) => {
    seen.frames.push({ at: now, ms: now - before })
    before = now
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  /** All images on screen are those of `place`, and complete. */
  seen.isShown = (place) => {
    const grid = document.querySelector('[data-testid=media-grid]')
    if (grid === null || (place !== null && grid.dataset.place !== String(place))) return false
    const images = [...grid.querySelectorAll('img')].filter((image) => {
      const box = image.getBoundingClientRect()
      return box.bottom > 0 && box.top < innerHeight && box.left < innerWidth
    })
    return images.length > 0 && images.every((image) => image.complete && image.naturalWidth > 0)
  }
}

const quantile = (values, share) => {
  const sorted = [...values].sort((a, b) => a - b)
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
}

async function measure(browser, address) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  await page.addInitScript(watch)
  await page.goto(address)
  await page.waitForFunction(() => window.__bench.isShown(null), null, { polling: 'raf' })
  const first = await page.evaluate(() => performance.now())
  await page.waitForTimeout(1500)

  const from = await page.evaluate(() => performance.now())
  const slider = await page.locator('[role=slider]').first().boundingBox()
  const y = slider.y + slider.height / 2
  await page.mouse.move(slider.x + slider.width - 10, y)
  await page.mouse.down()
  const end = Date.now() + SLIDE_MS
  let moves = 0
  while (Date.now() < end) {
    const share = 0.5 + 0.45 * Math.cos(moves / 40)
    await page.mouse.move(slider.x + share * slider.width, y)
    moves++
  }
  await page.mouse.up()
  const until = await page.evaluate(() => performance.now())
  await page.waitForTimeout(2000)

  const steps = []
  for (let i = 0; i < KEY_STEPS; i++) {
    steps.push(
      await page.evaluate(async () => {
        const slider = document.querySelector('[role=slider]')
        const before = performance.now()
        window.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }))
        await new Promise((resolve) => {
          const look = () => {
            const place = slider.getAttribute('aria-valuenow')
            if (window.__bench.isShown(place) && performance.now() > before) resolve()
            else requestAnimationFrame(look)
          }
          requestAnimationFrame(look)
        })
        return performance.now() - before
      }),
    )
    await page.waitForTimeout(400)
  }
  const seen = await page.evaluate(() => ({ tasks: window.__bench.tasks, frames: window.__bench.frames }))
  await context.close()
  const within = (entries) => entries.filter(({ at }) => at >= from && at < until).map(({ ms }) => ms)
  return {
    'first images, ms': Math.round(first),
    // Tasks below 50 ms are not reported by browsers: 0 means that none was longer.
    'longest task sliding, ms': Math.round(Math.max(0, ...within(seen.tasks))),
    'frame sliding p50, ms': quantile(within(seen.frames), 0.5),
    'frame sliding p99, ms': quantile(within(seen.frames), 0.99),
    'slider moves': moves,
    'next step p50, ms': quantile(steps, 0.5),
    'next step p95, ms': quantile(steps, 0.95),
  }
}

const script = fileURLToPath(new URL('../mock/server.mjs', import.meta.url))
const server = spawn(process.execPath, [script, String(PORT)], { stdio: ['ignore', 'pipe', 'inherit'] })
await once(server.stdout, 'data')
const origin = `http://127.0.0.1:${PORT}`
const runs = await (await fetch(`${origin}/api/v1/projects/team/vision-base/runs?limit=${RUNS}`)).json()
const keys = ['samples', ...Array.from({ length: 7 }, (_, i) => `val/masks_${i + 1}`)]
const query = new URLSearchParams({ runs: runs.items.map(({ id }) => id).join(','), keys: keys.join(',') })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: FLAGS,
})
try {
  const rows = []
  for (let i = 0; i < repeats; i++)
    rows.push(await measure(browser, `${origin}/team/vision-base/media?${query}`))
  console.table(rows)
} finally {
  await browser.close()
  server.kill()
}
