/** Saving what a panel shows. */

import { toCsv } from '../core/csv'
import { exactNumber } from '../core/format'
import { valueOf, type Column, type SeriesSet } from '../core/series'

/** Long form: one row per run and bucket, with exact bounds. */
export function downloadCsv(
  metric: string,
  xName: string,
  runs: readonly { id: string; name: string }[],
  data: SeriesSet,
): void {
  const byRun = new Map(data.series.map((series) => [series.run, series]))
  const rows = [['run', 'name', xName, 'mean', 'min', 'max']]
  for (const { id, name } of runs) {
    const series = byRun.get(id)
    series?.x.forEach((x, i) => {
      const cell = (column: Column): string => exactNumber(valueOf(column, i))
      rows.push([id, name, exactNumber(x), cell(series.mean), cell(series.min), cell(series.max)])
    })
  }
  save(new Blob([toCsv(rows)], { type: 'text/csv' }), `${fileName(metric)}.csv`)
}

/** The panel's canvases on the card's background. */
export function downloadPng(metric: string, card: HTMLElement): void {
  const canvases = [...card.querySelectorAll('canvas')].filter((canvas) => !canvas.hidden && canvas.width > 0)
  const frame = card.querySelector('.chart-host')?.getBoundingClientRect()
  if (!frame) return
  const ratio = window.devicePixelRatio || 1
  const target = document.createElement('canvas')
  target.width = Math.round(frame.width * ratio)
  target.height = Math.round(frame.height * ratio)
  const context = target.getContext('2d')
  if (!context) return
  context.fillStyle = getComputedStyle(card).backgroundColor
  context.fillRect(0, 0, target.width, target.height)
  for (const canvas of canvases) {
    const at = canvas.getBoundingClientRect()
    context.drawImage(canvas, (at.left - frame.left) * ratio, (at.top - frame.top) * ratio)
  }
  target.toBlob((blob) => blob && save(blob, `${fileName(metric)}.png`))
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

function fileName(metric: string): string {
  return metric.replace(/[^\w.-]+/g, '_').slice(0, 100)
}
