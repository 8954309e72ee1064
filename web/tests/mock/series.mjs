// The series route: exact min, max, mean and marks per bucket, as the contract fixes them.

export function answerSeries(runs, body) {
  const { metrics, x, width } = body
  const parts = []
  let low = Infinity
  let high = -Infinity
  for (const run of runs) {
    for (const metric of metrics) {
      const values = body.stream === 'system' ? run.system?.get(metric) : run.columns.get(metric)
      if (!values) continue
      const start = run.times[0]
      const at = (i) => (x === 'step' ? i : x === 'time' ? run.times[i] : run.times[i] - start)
      let from = 0
      let to = values.length
      if (body.min !== null) while (from < to && at(from) < body.min) from++
      if (body.max !== null) while (to > from && at(to - 1) > body.max) to--
      if (to <= from) continue
      const damaged = run.damaged?.get(metric) ?? []
      const lost = (i) => damaged.some((range) => i >= range.first_step && i <= range.last_step)
      parts.push({ run, metric, values, at, from, to, damaged, lost })
      low = Math.min(low, at(from))
      high = Math.max(high, at(to - 1))
    }
  }
  if (parts.length === 0) return { x, range: null, width, truncated: false, xs: [], series: [] }
  const range = [body.min ?? low, body.max ?? high]
  const size = (range[1] - range[0]) / width || 1
  const xs = []
  const known = new Map()
  const series = parts.map((part) => {
    const columns = bucketed(part, range[0], size, width)
    const key = columns.x.join()
    if (!known.has(key)) known.set(key, xs.push(columns.x) - 1)
    const { values, at, from, to } = part
    const last = values[values.length - 1]
    return {
      run: part.run.id,
      metric: part.metric,
      points: to - from,
      exact: columns.exact,
      x: known.get(key),
      mean: columns.mean,
      ...(columns.exact ? {} : { min: columns.min, max: columns.max, count: columns.count }),
      nan: marks(values, at, from, to, (v) => Number.isNaN(v)),
      pos_inf: marks(values, at, from, to, (v) => v === Infinity),
      neg_inf: marks(values, at, from, to, (v) => v === -Infinity),
      last: Number.isFinite(last) ? last : { $number: String(last) },
      ...(part.damaged.length > 0 ? { damaged: part.damaged } : {}),
    }
  })
  return { x, range, width, truncated: false, xs, series }
}

function bucketed({ values, at, from, to, lost }, start, size, width) {
  const buckets = new Map()
  for (let i = from; i < to; i++) {
    if (lost(i)) continue
    const key = Math.min(width - 1, Math.floor((at(i) - start) / size))
    let bucket = buckets.get(key)
    if (!bucket)
      buckets.set(key, (bucket = { x: at(i), n: 0, all: 0, sum: 0, min: Infinity, max: -Infinity }))
    bucket.all++
    const value = values[i]
    if (!Number.isFinite(value)) continue
    bucket.n++
    bucket.sum += value
    bucket.min = Math.min(bucket.min, value)
    bucket.max = Math.max(bucket.max, value)
  }
  const list = [...buckets.values()]
  const finite = (bucket, value) => (bucket.n === 0 ? null : value)
  return {
    exact: list.every((bucket) => bucket.all === 1),
    x: list.map((bucket) => bucket.x),
    mean: list.map((bucket) => finite(bucket, bucket.sum / bucket.n)),
    min: list.map((bucket) => finite(bucket, bucket.min)),
    max: list.map((bucket) => finite(bucket, bucket.max)),
    count: list.map((bucket) => bucket.n),
  }
}

function marks(values, at, from, to, test) {
  const found = []
  let open = null
  for (let i = from; i < to; i++) {
    if (test(values[i])) {
      if (open) {
        open[1] = at(i)
        open[2]++
      } else found.push((open = [at(i), at(i), 1]))
    } else if (Number.isFinite(values[i])) open = null
  }
  return found
}
