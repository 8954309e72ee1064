/** The graph around a run or a version: drawn from left to right, or as a list for keyboards and readers. */

import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useRef, useState, type ReactNode } from 'react'
import { fetchNeighbors, lineageQuery } from '../../api/artifacts'
import type { ProjectRef } from '../../api/queries'
import { formatNumber } from '../../core/format'
import {
  draw,
  merged,
  neighborCount,
  nodeAddress,
  toGraph,
  withoutKind,
  type Graph,
  type LineageRest,
} from '../../core/lineage'
import { Button, IconButton } from '../../ui/Button'
import { useKeys } from '../../ui/keys'
import { EmptyState, ErrorNote, SkeletonRows } from '../../ui/States'
import { showToast } from '../../ui/toasts'
import { useAddress } from '../../ui/usePlace'
import { LineageCard } from './LineageCard'
import { LineageGraph, type GraphHandle } from './LineageGraph'
import { LineageList } from './LineageList'
import { saveSvg } from './exportSvg'

const DEPTHS = { first: 3, least: 1, most: 12 }
/** Neighbours of a node that are there from the beginning, and that one click adds. */
const FEW = 6
const MORE = 20

interface LineageViewProps {
  at: ProjectRef
  /** `run:<id>` or `artifact:<collection>:<version>`. */
  center: string
  /** Shown first in the toolbar. */
  chooser?: ReactNode
}

export function LineageView({ at, center, chooser }: LineageViewProps) {
  const search = useAddress()
  const depth = clamp(Number(search['depth'] ?? DEPTHS.first))
  const query = useQuery(lineageQuery(at, center, depth, FEW))
  const [grown, setGrown] = useState<{ of: unknown; graph: Graph } | null>(null)
  const [selected, setSelected] = useState<string | null>(null)
  const [anchor, setAnchor] = useState<string | null>(null)
  const handle = useRef<GraphHandle>(null)
  const navigate = useNavigate()
  const asList = search['view'] === 'list'
  const hidden = search['hide'] === 'run' || search['hide'] === 'artifact' ? search['hide'] : null

  const answer = query.data
  const base = useMemo(() => (answer ? toGraph(answer) : null), [answer])
  const whole = useMemo(
    () => (base ? (grown && grown.of === answer ? merged(base, grown.graph) : base) : null),
    [base, grown, answer],
  )
  const graph = useMemo(
    () => (whole && hidden !== null ? withoutKind(whole, hidden) : whole),
    [whole, hidden],
  )
  const picture = useMemo(() => (graph ? draw(graph) : null), [graph])

  const change = (next: Record<string, string>): void => {
    const kept = (old: Record<string, string>): Record<string, string> =>
      Object.fromEntries(Object.entries({ ...old, ...next }).filter(([, value]) => value !== ''))
    void navigate({ to: '.', search: kept, replace: true })
  }
  const setDepth = (wanted: number): void => {
    const next = clamp(wanted)
    setAnchor(null)
    change({ depth: next === DEPTHS.first ? '' : String(next) })
  }
  useKeys({
    '[': () => setDepth(depth - 1),
    ']': () => setDepth(depth + 1),
    '0': () => handle.current?.fit(),
  })

  const grow = async (rest: LineageRest): Promise<void> => {
    const node = whole?.nodes.get(rest.node)
    if (!whole || !node) return
    const place = node.run ?? node.artifact
    if (!place) return
    const known = neighborCount(whole, rest.node, rest.direction)
    try {
      const page = await fetchNeighbors(
        { entity: place.entity, project: place.project },
        nodeAddress(node),
        rest.direction,
        known,
        MORE,
      )
      const more: Graph = {
        nodes: new Map(page.nodes.map((each) => [each.id, each])),
        edges: page.edges,
        rests: [{ ...rest, count: Math.max(0, page.total - known - page.nodes.length) }],
      }
      setAnchor(rest.node)
      setGrown((old) => ({ of: answer, graph: old && old.of === answer ? merged(old.graph, more) : more }))
    } catch (error) {
      showToast(`Not loaded: ${error instanceof Error ? error.message : String(error)}`, { failed: true })
    }
  }

  if (query.error && !answer) {
    return (
      <ErrorNote
        what="The lineage could not be read"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  const chosen = selected === null ? undefined : graph?.nodes.get(selected)
  return (
    <div className="lineage">
      <div className="toolbar">
        {chooser}
        <span className="depth" title="How many steps away ( [ and ] )">
          Depth
          <IconButton
            className="is-small"
            icon="minus"
            label="One step less ([)"
            disabled={depth <= DEPTHS.least}
            onClick={() => setDepth(depth - 1)}
          />
          <span className="depth-value">{depth}</span>
          <IconButton
            className="is-small"
            icon="plus"
            label="One step more (])"
            disabled={depth >= DEPTHS.most}
            onClick={() => setDepth(depth + 1)}
          />
        </span>
        <div className="segments" role="group" aria-label="Show">
          <button
            type="button"
            aria-pressed={hidden !== 'run'}
            onClick={() => change({ hide: hidden === 'run' ? '' : 'run' })}
          >
            Runs
          </button>
          <button
            type="button"
            aria-pressed={hidden !== 'artifact'}
            onClick={() => change({ hide: hidden === 'artifact' ? '' : 'artifact' })}
          >
            Artifacts
          </button>
        </div>
        {graph && (
          <span className="faint toolbar-count">
            {formatNumber(graph.nodes.size)} shown
            {graph.rests.length > 0 &&
              ` · ${formatNumber(graph.rests.reduce((sum, rest) => sum + rest.count, 0))} left out`}
            {answer?.cut === true && ' · cut: look at one of its nodes for more'}
          </span>
        )}
        <span className="toolbar-space" />
        <Button icon="list" pressed={asList} onClick={() => change({ view: asList ? '' : 'list' })}>
          List
        </Button>
        {!asList && (
          <>
            <Button icon="fit" title="Fit (0)" onClick={() => handle.current?.fit()}>
              Fit
            </Button>
            <Button
              icon="download"
              onClick={() => {
                const svg = handle.current?.svg()
                if (svg) saveSvg(svg, 'lineage.svg')
              }}
            >
              SVG
            </Button>
          </>
        )}
      </div>
      {!graph || !picture || !answer ? (
        <SkeletonRows rows={6} label="Loading the lineage" />
      ) : graph.nodes.size === 0 ? (
        <EmptyState title="Nothing of this kind here" />
      ) : asList ? (
        <LineageList
          graph={graph}
          picture={picture}
          center={answer.center}
          onGrow={(rest) => void grow(rest)}
        />
      ) : (
        <div className="lineage-main">
          <LineageGraph
            key={`${center} ${depth} ${hidden ?? ''}`}
            ref={handle}
            graph={graph}
            picture={picture}
            center={answer.center}
            selected={selected}
            anchor={anchor}
            onSelect={setSelected}
            onGrow={(rest) => void grow(rest)}
          />
          {chosen && graph.nodes.size === 1 && (
            <p className="lineage-alone faint">Nothing leads here or away.</p>
          )}
          {chosen && (
            <LineageCard
              node={chosen}
              isCenter={chosen.id === answer.center}
              onClose={() => setSelected(null)}
            />
          )}
        </div>
      )}
    </div>
  )
}

function clamp(depth: number): number {
  return Number.isInteger(depth) ? Math.min(DEPTHS.most, Math.max(DEPTHS.least, depth)) : DEPTHS.first
}
