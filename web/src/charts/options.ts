/** uPlot options: it owns the axes and scales; lines are painted by `draw.ts` on their own canvas. */

import type uPlot from 'uplot'
import { axisDuration, axisNumbers } from '../core/format'
import { durationTicks, integerTicks, linearTicks, logTicks } from '../core/ticks'
import type { Range, XKind } from '../core/view'
import { chartTheme } from './theme'

export interface PlotSpec {
  xKind: XKind
  log: boolean
}

/** Where uPlot asks for the ranges to show. */
export interface PlotRanges {
  x: Range
  y: Range
}

const Y_AXIS_WIDTH = 48
const X_AXIS_HEIGHT = 20
const TIME_AXIS_HEIGHT = 32

export function toOptions(
  spec: PlotSpec,
  size: { width: number; height: number },
  ranges: () => PlotRanges,
  onDraw: () => void,
): uPlot.Options {
  const stroke = (): string => chartTheme().text3
  const grid = (): string => chartTheme().grid
  const font = chartTheme().font
  const time = spec.xKind === 'time'
  const ticks = { show: true, size: 4, width: 1, stroke: grid }
  const xAxis: uPlot.Axis = {
    scale: 'x',
    stroke,
    font,
    gap: 3,
    size: time ? TIME_AXIS_HEIGHT : X_AXIS_HEIGHT,
    grid: { show: false },
    ticks,
    border: { show: true, stroke: grid, width: 1 },
    space: time ? 72 : 48,
  }
  if (!time) {
    xAxis.splits = (plot, _axis, min, max) => xTicks(spec.xKind, min, max, Math.max(2, plot.width / 72))
    xAxis.values = (_plot, splits) =>
      spec.xKind === 'relative' ? splits.map(axisDuration) : axisNumbers(splits)
  }
  return {
    ...size,
    legend: { show: false },
    cursor: { show: false },
    // Room for half of the last label.
    padding: [6, 14, 0, 0],
    scales: {
      x: { time, range: () => [...ranges().x] },
      // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- uPlot's enum exists as a type only
      y: { distr: spec.log ? 3 : 1, range: () => [...ranges().y] },
    },
    axes: [
      xAxis,
      {
        scale: 'y',
        stroke,
        font,
        gap: 4,
        size: Y_AXIS_WIDTH,
        grid: { show: true, stroke: grid, width: 1 },
        ticks: { show: false },
        splits: (plot, _axis, min, max) => {
          const most = Math.max(2, Math.min(6, Math.floor(plot.height / 24)))
          return spec.log ? logTicks(min, max, most) : linearTicks(min, max, most)
        },
        // uPlot would blank every second decade.
        filter: (_plot, splits) => splits,
        values: (_plot, splits) => axisNumbers(splits),
      },
    ],
    // One invisible series: uPlot wants data to have scales.
    series: [{}, { scale: 'y', paths: () => null, points: { show: false } }],
    hooks: { draw: [onDraw] },
  }
}

function xTicks(kind: XKind, min: number, max: number, most: number): number[] {
  if (kind === 'step') return integerTicks(min, max, most)
  return kind === 'relative' ? durationTicks(min, max, most) : linearTicks(min, max, most)
}
