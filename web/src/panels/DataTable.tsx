/** The same data as the chart, as a real table. */

import type { ChartModel } from '../charts/model'
import { describeX } from '../charts/surface'
import { nearestIndex, valueOf } from '../core/series'
import { Value } from '../ui/Value'

const MOST_ROWS = 200

export function DataTable({ model }: { model: ChartModel }) {
  const xs = sampledX(model)
  return (
    <div className="data-table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">x</th>
            {model.lines.map((line) => (
              <th key={line.id} scope="col">
                <bdi>{line.name}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {xs.map((x) => (
            <tr key={x}>
              <th scope="row">{describeX(model.xKind, x)}</th>
              {model.lines.map((line) => {
                const index = nearestIndex(line.series.x, x)
                const same = line.series.x[index] === x
                return (
                  <td key={line.id}>
                    <Value value={same ? valueOf(line.series.mean, index) : undefined} />
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function sampledX(model: ChartModel): number[] {
  const [low, high] = model.xRange
  const all = [...new Set(model.lines.flatMap((line) => [...line.series.x]))]
    .filter((x) => x >= low && x <= high)
    .sort((a, b) => a - b)
  const every = Math.ceil(all.length / MOST_ROWS)
  return all.filter((_, index) => index % every === 0)
}
