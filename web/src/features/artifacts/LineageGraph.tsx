/** The picture of a graph: pan by dragging or the wheel, zoom with Alt or Ctrl and the wheel. */

import {
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
  type Ref,
} from 'react'
import { middleEllipsis } from '../../core/ellipsis'
import { formatBytes, formatNumber, plural } from '../../core/format'
import type { Placed, PlacedEdge, Point } from '../../core/layers'
import {
  nodeName,
  SIZES,
  type Graph,
  type LineageNode,
  type LineageRest,
  type Picture,
} from '../../core/lineage'
import { visibleControls } from '../../core/text'

export interface GraphHandle {
  fit: () => void
  svg: () => SVGSVGElement | null
}

interface LineageGraphProps {
  ref: Ref<GraphHandle>
  graph: Graph
  picture: Picture
  center: string
  selected: string | null
  /** The node that stays where it is when the picture grows. */
  anchor: string | null
  onSelect: (id: string | null) => void
  onGrow: (rest: LineageRest) => void
}

interface Transform {
  x: number
  y: number
  scale: number
}

const MARGIN = 24
const SCALES = { least: 0.1, most: 2 }
/** Characters that fit into a node, with room for its sign. */
const NAME_LENGTH = 25
/** Below this, names cannot be read. */
const READABLE = 0.55

export function LineageGraph(props: LineageGraphProps) {
  const { ref, graph, picture, center, selected, anchor, onSelect, onGrow } = props
  const { layout, rests } = picture
  const svg = useRef<SVGSVGElement>(null)
  const [view, setView] = useState<Transform>({ x: MARGIN, y: MARGIN, scale: 1 })
  const drag = useRef<{ at: Point; from: Transform; moved: boolean } | null>(null)
  const before = useRef<ReadonlyMap<string, Placed> | null>(null)

  const fit = (): void => {
    const box = svg.current?.getBoundingClientRect()
    if (box) setView(fitted(layout.width, layout.height, box.width, box.height))
  }
  useImperativeHandle(ref, () => ({ fit, svg: () => svg.current }))

  useLayoutEffect(() => {
    const old = before.current
    before.current = layout.nodes
    if (old === null) {
      const box = svg.current?.getBoundingClientRect()
      const middle = layout.nodes.get(center)
      if (box) setView(opening(layout.width, layout.height, box.width, box.height, middle ?? null))
      return
    }
    const was = anchor === null ? undefined : old.get(anchor)
    const is = anchor === null ? undefined : layout.nodes.get(anchor)
    if (!was || !is) return
    setView((now) => ({
      ...now,
      x: now.x + (was.x - is.x) * now.scale,
      y: now.y + (was.y - is.y) * now.scale,
    }))
  }, [layout, anchor, center])

  useEffect(() => {
    const node = svg.current
    if (!node) return
    // Not React's handler: that one cannot keep the page from scrolling.
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault()
      const box = node.getBoundingClientRect()
      const at = { x: event.clientX - box.left, y: event.clientY - box.top }
      setView((now) =>
        event.altKey || event.ctrlKey || event.metaKey
          ? zoomed(now, at, Math.exp(-event.deltaY / 300))
          : { ...now, x: now.x - event.deltaX, y: now.y - event.deltaY },
      )
    }
    node.addEventListener('wheel', onWheel, { passive: false })
    return () => node.removeEventListener('wheel', onWheel)
  }, [])

  const onPointerMove = (event: PointerEvent): void => {
    const start = drag.current
    if (!start) return
    const moved = { x: event.clientX - start.at.x, y: event.clientY - start.at.y }
    if (!start.moved && Math.hypot(moved.x, moved.y) < 4) return
    if (!start.moved) svg.current?.setPointerCapture(event.pointerId)
    start.moved = true
    setView({ ...start.from, x: start.from.x + moved.x, y: start.from.y + moved.y })
  }
  const onKeyDown = (event: KeyboardEvent<SVGSVGElement>): void => {
    if (event.key === 'Escape') onSelect(null)
    const box = event.currentTarget.getBoundingClientRect()
    const middle = { x: box.width / 2, y: box.height / 2 }
    if (event.key === '+' || event.key === '=') setView((now) => zoomed(now, middle, 1.25))
    if (event.key === '-') setView((now) => zoomed(now, middle, 0.8))
    const next = neighborTo(
      event.key,
      document.activeElement?.getAttribute('data-node') ?? null,
      graph,
      layout.nodes,
    )
    if (next === null) return
    event.preventDefault()
    svg.current?.querySelector<SVGGElement>(`[data-node="${CSS.escape(next)}"]`)?.focus()
  }
  return (
    <svg
      ref={svg}
      className="lineage-graph"
      role="group"
      aria-label={`Lineage, ${plural(graph.nodes.size, 'node')}; the list shows the same`}
      onPointerDown={(event) => {
        if (event.button === 0)
          drag.current = { at: { x: event.clientX, y: event.clientY }, from: view, moved: false }
      }}
      onPointerMove={onPointerMove}
      onPointerUp={(event) => {
        if (drag.current && !drag.current.moved && event.target === svg.current) onSelect(null)
        drag.current = null
      }}
      onKeyDown={onKeyDown}
      data-width={layout.width}
      data-height={layout.height}
    >
      <g className="lineage-world" transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
        {layout.edges.map((edge) => (
          <path
            key={`${edge.source}\n${edge.target}`}
            className={`lineage-edge ${edge.source === selected || edge.target === selected ? 'is-near' : ''}`}
            d={curve(edge)}
          />
        ))}
        {[...graph.nodes.values()].map((node) => (
          <Node
            key={node.id}
            node={node}
            at={layout.nodes.get(node.id)}
            isCenter={node.id === center}
            isSelected={node.id === selected}
            onSelect={() => {
              if (drag.current?.moved !== true) onSelect(node.id)
            }}
          />
        ))}
        {[...rests].map(([id, rest]) => (
          <Rest key={id} at={layout.nodes.get(id)} rest={rest} onGrow={() => onGrow(rest)} />
        ))}
      </g>
    </svg>
  )
}

interface NodeProps {
  node: LineageNode
  at: Placed | undefined
  isCenter: boolean
  isSelected: boolean
  onSelect: () => void
}

/** Runs are round, artifacts square. */
function Node({ node, at, isCenter, isSelected, onSelect }: NodeProps): ReactNode {
  if (!at) return null
  const name = visibleControls(nodeName(node))
  const height = SIZES.node[node.kind]
  const { run, artifact } = node
  const below = artifact ? [artifact.type, ...artifact.aliases].join(' · ') : ''
  return (
    <g
      className={`lineage-node is-${node.kind} ${isCenter ? 'is-center' : ''} ${isSelected ? 'is-selected' : ''}`}
      transform={`translate(${at.x} ${at.y})`}
      role="button"
      tabIndex={0}
      aria-pressed={isSelected}
      aria-label={`${node.kind} ${name}`}
      data-node={node.id}
      onClick={onSelect}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        onSelect()
      }}
    >
      <title>{artifact ? `${name} · ${below} · ${formatBytes(artifact.size_bytes)}` : name}</title>
      <rect width={SIZES.node.width} height={height} rx={run ? height / 2 : 4} />
      {run && (
        <circle
          className="lineage-dot"
          cx={14}
          cy={height / 2}
          r={4}
          style={{ fill: `var(--run-${run.color % 24})` }}
        />
      )}
      <text x={run ? 24 : 10} y={run ? height / 2 + 4 : 18}>
        {middleEllipsis(name, NAME_LENGTH)}
      </text>
      {artifact && (
        <text className="lineage-below" x={10} y={35}>
          {middleEllipsis(visibleControls(below), NAME_LENGTH + 3)}
        </text>
      )}
    </g>
  )
}

function Rest({
  at,
  rest,
  onGrow,
}: {
  at: Placed | undefined
  rest: LineageRest
  onGrow: () => void
}): ReactNode {
  if (!at) return null
  const text = `+ ${formatNumber(rest.count)} ${rest.kind === 'run' ? 'runs' : 'artifacts'} ▸`
  return (
    <g
      className="lineage-node is-rest"
      transform={`translate(${at.x} ${at.y})`}
      role="button"
      tabIndex={0}
      aria-label={`Show more: ${text}`}
      onClick={onGrow}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        onGrow()
      }}
    >
      <rect
        width={SIZES.node.width}
        height={SIZES.node.rest}
        rx={rest.kind === 'run' ? SIZES.node.rest / 2 : 4}
      />
      <text x={12} y={SIZES.node.rest / 2 + 4}>
        {text}
      </text>
    </g>
  )
}

function curve({ points }: PlacedEdge): string {
  const [first, ...rest] = points
  if (!first) return ''
  let from = first
  const parts = [`M${round(first.x)} ${round(first.y)}`]
  for (const to of rest) {
    const bend = (to.x - from.x) / 2
    parts.push(
      from.y === to.y
        ? `L${round(to.x)} ${round(to.y)}`
        : `C${round(from.x + bend)} ${round(from.y)} ${round(to.x - bend)} ${round(to.y)} ${round(to.x)} ${round(to.y)}`,
    )
    from = to
  }
  return parts.join('')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function zoomed(view: Transform, at: Point, factor: number): Transform {
  const scale = Math.min(SCALES.most, Math.max(SCALES.least, view.scale * factor))
  const real = scale / view.scale
  return { scale, x: at.x - (at.x - view.x) * real, y: at.y - (at.y - view.y) * real }
}

/** All of the picture, in the middle, never enlarged. */
function fitted(width: number, height: number, boxWidth: number, boxHeight: number): Transform {
  const room = { width: Math.max(1, boxWidth - 2 * MARGIN), height: Math.max(1, boxHeight - 2 * MARGIN) }
  const scale = Math.min(1, Math.max(SCALES.least, Math.min(room.width / width, room.height / height)))
  return { scale, x: (boxWidth - width * scale) / 2, y: (boxHeight - height * scale) / 2 }
}

/** All of it if names stay readable; otherwise the node in question in the middle. */
function opening(
  width: number,
  height: number,
  boxWidth: number,
  boxHeight: number,
  center: Point | null,
): Transform {
  const whole = fitted(width, height, boxWidth, boxHeight)
  if (whole.scale >= READABLE || center === null) return whole
  const scale = 0.8
  return {
    scale,
    x: boxWidth / 2 - (center.x + SIZES.node.width / 2) * scale,
    y: boxHeight / 2 - (center.y + SIZES.node.artifact / 2) * scale,
  }
}

/** The node that an arrow key leads to: along an edge, or up and down in a column. */
function neighborTo(
  key: string,
  from: string | null,
  graph: Graph,
  places: ReadonlyMap<string, Placed>,
): string | null {
  const here = from === null ? undefined : places.get(from)
  if (from === null || !here) return null
  const closest = (ids: readonly string[]): string | null => {
    const byDistance = ids
      .map((id) => ({ id, distance: Math.abs((places.get(id)?.y ?? 0) - here.y) }))
      .sort((a, b) => a.distance - b.distance)
    return byDistance[0]?.id ?? null
  }
  if (key === 'ArrowRight')
    return closest(graph.edges.filter((edge) => edge.source === from).map((edge) => edge.target))
  if (key === 'ArrowLeft')
    return closest(graph.edges.filter((edge) => edge.target === from).map((edge) => edge.source))
  if (key !== 'ArrowUp' && key !== 'ArrowDown') return null
  const isBeyond = (y: number): boolean => (key === 'ArrowDown' ? y > here.y : y < here.y)
  return closest(
    [...graph.nodes.keys()].filter((id) => {
      const place = places.get(id)
      return place !== undefined && place.column === here.column && isBeyond(place.y)
    }),
  )
}
