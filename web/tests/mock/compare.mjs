// The compare API over generated media: images of every run at its own steps, computed when they are asked for.

import { crc32, deflateSync } from 'node:zlib'

/**
 * @param runs Runs with `id` and `name`.
 * @param options `metrics`, `steps` and `images` count what each run has; `edge` is that of an image, px.
 */
export function makeMedia(runs, { metrics = 8, steps = 5000, images = 8, edge = 96, fileUrl }) {
  const names = Array.from({ length: metrics }, (_, i) => (i === 0 ? 'samples' : `val/masks_${i}`))
  const lists = new Map()
  /** Runs log at different rates, so that the union is larger than any list. */
  const stepsOf = (index) => {
    const every = index % 3 === 2 ? 3 : index % 3 === 1 ? 2 : 1
    const known = lists.get(every)
    if (known) return known
    const list = Array.from({ length: Math.ceil(steps / every) }, (_, i) => i * every)
    lists.set(every, list)
    return list
  }
  const indexOf = new Map(runs.map((run, index) => [run.id, index]))

  function keys() {
    const items = names.map((metric) => ({
      metric,
      kinds: ['image'],
      runs: runs.length,
      points: runs.length * steps,
    }))
    return { items, missing: [] }
  }

  function notches({ run_ids: ids, metrics: wanted, x }) {
    const chosen = ids.filter((id) => indexOf.has(id))
    const columns = []
    const column = (list) => {
      const at = columns.indexOf(list)
      return at === -1 ? columns.push(list) - 1 : at
    }
    const found = chosen.map((id) => ({
      run_id: id,
      run_name: runs[indexOf.get(id)].name,
      last_step: steps - 1,
      metrics: wanted
        .filter((name) => names.includes(name))
        .map((metric) => ({ metric, kind: 'image', steps: column(stepsOf(indexOf.get(id))), xs: null })),
    }))
    const union = [...new Set(columns.flat())].sort((a, b) => a - b)
    return { x, notches: union, columns, runs: found, missing: ids.filter((id) => !indexOf.has(id)) }
  }

  function media({ run_ids: ids, metrics: wanted, at, match }) {
    const items = []
    for (const id of ids) {
      const index = indexOf.get(id)
      if (index === undefined) continue
      const list = stepsOf(index)
      const step =
        match === 'exact' ? list.find((value) => value === at) : list.findLast((value) => value <= at)
      if (step === undefined) continue
      for (const metric of wanted.filter((name) => names.includes(name))) {
        items.push({
          run_id: id,
          run_name: runs[index].name,
          metric,
          kind: 'image',
          type: 'images/separated',
          step,
          x: step,
          media: Array.from({ length: images }, (_, place) => ({
            index: place,
            path: `media/images/${metric}_${step}_${place}.png`,
            url: fileUrl({ run: index, metric: names.indexOf(metric), step, place }),
            format: 'png',
            caption: `sample ${place} of ${metric}`,
            width: edge,
            height: edge,
            size_bytes: 3 * edge * edge,
            extra: {},
          })),
        })
      }
    }
    return { items, next: null, total: items.length, groups: null, missing: [] }
  }

  /** A shape on a ground that depends on all of it, sharper with the steps. */
  function image({ run, metric, step, place }) {
    const pixels = Buffer.alloc(edge * (1 + 3 * edge))
    const done = Math.min(1, step / Math.max(1, steps - 1))
    const radius = edge * (0.18 + 0.05 * (place % 4))
    const hue = (run * 47 + place * 20) % 255
    for (let y = 0; y < edge; y++) {
      for (let x = 0; x < edge; x++) {
        const distance = Math.hypot(x - edge / 2 - (run - 2) * 1.5, y - edge / 2) - radius
        const inside = 1 / (1 + Math.exp(distance * (0.08 + done)))
        const noise = ((x * 7919 + y * 104729 + step * 31 + run * 17) % 97) * (1 - done) * 0.8
        const at = y * (1 + 3 * edge) + 1 + 3 * x
        pixels[at] = Math.min(255, hue * inside + noise)
        pixels[at + 1] = Math.min(255, (255 - hue) * inside + 40 + noise)
        pixels[at + 2] = Math.min(255, 60 + 20 * metric + 120 * inside * done)
      }
    }
    return png(edge, pixels)
  }

  return { keys, notches, media, image }
}

function png(edge, pixels) {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(edge, 0)
  header.writeUInt32BE(edge, 4)
  header.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels, { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data])
  const framed = Buffer.alloc(8 + body.length)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), 4 + body.length)
  return framed
}
