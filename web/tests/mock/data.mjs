// Generated projects for the mock server: deterministic, so that two screenshots differ only in the page.

export const DAY_MS = 86_400_000

/** A small seeded generator (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const ARCHS = ['vit-s', 'resnet50', 'resnet18', 'convnext-t', 'mlp-mixer']
const RATES = [1e-4, 3e-4, 8e-4, 1e-3, 3e-3, 1e-2]

/** Metric name → value at a step for a run of some quality in [0, 1]. */
const METRICS = {
  'train/loss': (s, q, r) => 0.12 + (1 - q) * 0.3 + 2.2 * Math.exp(-s / (250 + 300 * q)) + 0.08 * (r() - 0.5),
  'train/acc': (s, q, r) => 0.97 - (1 - q) * 0.2 - 0.8 * Math.exp(-s / (300 + 200 * q)) + 0.03 * (r() - 0.5),
  'train/grad_norm': (s, q, r) => 0.4 + 3 * Math.exp(-s / 400) * (0.5 + r()) + 0.2 * r(),
  'train/lr': (s, q) => 1e-3 * (0.3 + q) * 0.5 * (1 + Math.cos((Math.PI * s) / 2000)),
  'train/throughput': (s, q, r) => 2400 + 900 * q + 180 * (r() - 0.5) - (s % 500 === 0 ? 900 : 0),
  'val/loss': (s, q, r) =>
    0.2 + (1 - q) * 0.35 + 2 * Math.exp(-s / (300 + 300 * q)) + s / 40000 + 0.05 * (r() - 0.5),
  'val/acc': (s, q, r) => 0.93 - (1 - q) * 0.2 - 0.75 * Math.exp(-s / (320 + 220 * q)) + 0.015 * (r() - 0.5),
  'val/f1': (s, q, r) => 0.91 - (1 - q) * 0.22 - 0.7 * Math.exp(-s / (340 + 220 * q)) + 0.02 * (r() - 0.5),
  'val/ece': (s, q, r) => 0.02 + 0.1 * (1 - q) * Math.exp(-s / 900) + 0.01 * r(),
  'weights/norm': (s, q, r) => 40 + 12 * Math.log1p(s / 120) + 4 * q + 0.3 * r(),
  'weights/update_ratio': (s, q, r) => 1e-3 * (0.6 + q) * Math.exp(-s / 1500) * (0.8 + 0.4 * r()),
  'weights/sparsity': (s, q, r) => 0.05 + 0.3 * (1 - Math.exp(-s / 1400)) * q + 0.004 * r(),
}

export function makeRun(index, options) {
  const { entity, project, steps, now, state = 'finished', name } = options
  const random = seeded(index * 7919 + 13)
  const arch = ARCHS[Math.floor(random() * ARCHS.length)]
  const lr = RATES[Math.floor(random() * RATES.length)]
  const quality = random()
  const created = now - (options.ageMs ?? (index + 1) * 5_400_000)
  const columns = new Map()
  const generators = new Map()
  for (const [metric, formula] of Object.entries(METRICS)) {
    const each = seeded(index * 104729 + metric.length * 31)
    generators.set(metric, (step) => formula(step, quality, each))
    columns.set(
      metric,
      Float64Array.from({ length: steps }, (_, step) => generators.get(metric)(step)),
    )
  }
  const id = `r${(index + 10).toString(36)}${Math.floor(random() * 36 ** 6)
    .toString(36)
    .padStart(6, '0')}`
  return {
    id,
    entity,
    project,
    name: name ?? `${arch}-lr${lr.toExponential(0).replace('e', 'e')}-s${index % 3}-${index}`,
    state,
    color: (index * 7) % 24,
    notes: index % 4 === 0 ? 'Baseline of the week.\nSame data as last month.' : null,
    tags: index % 3 === 0 ? ['base'] : [],
    group: arch,
    job_type: 'train',
    user: 'ada',
    host: 'node-07',
    sweep: null,
    created_at: iso(created),
    started_at: iso(created),
    heartbeat_at: iso(created + steps * 540),
    finished_at: state === 'running' ? null : iso(created + steps * 540),
    duration_s: steps * 0.54,
    last_step: steps - 1,
    exit_code: state === 'finished' ? 0 : state === 'failed' ? 1 : null,
    stop_requested: false,
    columns,
    generators,
    times: Float64Array.from({ length: steps }, (_, s) => created / 1000 + s * 0.54),
    config: {
      lr,
      arch,
      batch_size: 2 ** (5 + Math.floor(random() * 4)),
      dropout: Math.round(random() * 5) / 10,
      seed: index,
      optimizer: { name: 'adamw', betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.05 },
      model: { depth: 12, width: 384, patch: 16, pretrained: index % 2 === 0 },
      data: { root: '/datasets/vision-base', workers: 8, augment: 'rand-m9' },
      big: { $number: '18446744073709551615' },
    },
    console: makeConsole(steps, random),
    files: makeFiles(),
  }
}

export function iso(ms) {
  return new Date(ms).toISOString()
}

function makeConsole(steps, random) {
  const lines = []
  const add = (text, level = 'info') =>
    lines.push({
      number: lines.length,
      timestamp: iso(Date.UTC(2026, 10, 22, 5) + lines.length * 900),
      level,
      label: null,
      text,
    })
  add('\u001b[1mkymograph\u001b[0m: tracking run, \u001b[34mhttp://127.0.0.1:8080\u001b[0m')
  add('Loading dataset from /datasets/vision-base … 50,000 images')
  add('UserWarning: The given buffer is not writable, and this format does not support it.', 'error')
  for (let s = 0; s < Math.min(steps, 1200); s++) {
    const loss = (0.2 + 2 * Math.exp(-s / 300) + random() * 0.02).toFixed(4)
    if (s % 50 === 0) add(`epoch ${s / 50}: 100%|${'█'.repeat(24)}| 391/391 [00:27<00:00, 14.2it/s]`, 'error')
    add(
      s % 97 === 96
        ? `\u001b[33mwarning\u001b[0m step ${s}: gradient norm clipped`
        : `step ${String(s).padStart(5)}  loss \u001b[32m${loss}\u001b[0m  acc \u001b[36m${(1 - Number(loss) / 3).toFixed(4)}\u001b[0m`,
    )
  }
  add('\u001b[1;32mdone\u001b[0m: best val/acc 0.9312 at step 1,840')
  return lines
}

const SVG = (hue) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240"><rect width="320" height="240" fill="hsl(${hue} 40% 85%)"/><circle cx="160" cy="120" r="70" fill="hsl(${hue} 60% 45%)"/><text x="160" y="126" text-anchor="middle" font-family="sans-serif" fill="white">predicted 7</text></svg>`

function makeFiles() {
  const text = (name, mimetype, body) => ({ name, mimetype, body: Buffer.from(body) })
  return [
    text('config.yaml', 'application/yaml', 'lr:\n  value: 0.0008\narch:\n  value: vit-s\n'),
    text('output.log', 'text/plain', 'step 0 loss 2.31\nstep 1 loss 2.29\n'),
    text('requirements.txt', 'text/plain', 'numpy==2.2\ntorch==2.9\n'),
    text(
      'wandb-metadata.json',
      'application/json',
      JSON.stringify({
        os: 'Linux',
        python: '3.11.2',
        args: ['--lr', '8e-4'],
        git: { commit: '656ef12', remote: 'git@example.org:team/vision.git' },
      }),
    ),
    text(
      'predictions.csv',
      'text/csv',
      'id,label,predicted,score\n' +
        Array.from(
          { length: 80 },
          (_, i) => `${i},${i % 10},${(i * 7) % 10},${(0.5 + (i % 50) / 100).toFixed(2)}`,
        ).join('\n'),
    ),
    text(
      'media/table/mistakes_200.table.json',
      'application/json',
      JSON.stringify({
        columns: ['id', 'label', 'score'],
        data: [
          [1, 'cat', 0.91],
          [2, 'dog', 0.5],
          [3, '<b>x</b>', null],
        ],
      }),
    ),
    text('media/images/samples_200_a.svg', 'image/svg+xml', SVG(210)),
    text('media/images/samples_400_b.svg', 'image/svg+xml', SVG(30)),
    text(
      'media/html/report.html',
      'text/html',
      '<h1>report</h1><script>document.body.append(origin)</script>',
    ),
    text('checkpoints/model.bin', 'application/octet-stream', '\u0000\u0001\u0002binary'),
  ]
}

/** Log `count` more steps, `seconds` apart. */
export function growRun(run, count, seconds) {
  const before = run.times.length
  const longer = (values, next) =>
    Float64Array.from({ length: before + count }, (_, i) => (i < before ? values[i] : next(i)))
  for (const [metric, values] of run.columns)
    run.columns.set(metric, longer(values, run.generators.get(metric)))
  const last = run.times[before - 1]
  run.times = longer(run.times, (i) => last + (i - before + 1) * seconds)
  run.last_step = before + count - 1
  run.duration_s = run.times.at(-1) - run.times[0]
  run.heartbeat_at = iso(Date.now())
}
