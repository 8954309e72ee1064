/** The one tooltip of the page: docked beside the plot's far edge, filled without React. */

export interface TooltipRow {
  color: string
  name: string
  /** Place among all lines, 1 at the top; empty when all lines are listed. */
  rank: string
  value: string
  /** Smoothed value, empty when smoothing is off. */
  smoothed: string
  /** Bounds of the bucket, empty for exact points. */
  span: string
  alarming: boolean
}

export interface TooltipContent {
  head: string
  /** What could not be read here; empty when all could. */
  note: string
  rows: readonly TooltipRow[]
  more: number
}

export interface TooltipPlace {
  plot: DOMRect
  /** Pointer position inside the plot, px. */
  x: number
  /** Left edge of the room for charts; what lies before it stays uncovered. */
  left: number
}

export const MOST_ROWS = 12
const EDGE = 8
/** Room of the axis labels left of a plot. */
const Y_AXIS = 56

interface RowParts {
  row: HTMLElement
  swatch: HTMLElement
  rank: HTMLElement
  name: HTMLElement
  value: HTMLElement
  smoothed: HTMLElement
  span: HTMLElement
}

class Tooltip {
  readonly #root = element('div', 'chart-tooltip')
  readonly #head = element('div', 'chart-tooltip-head')
  readonly #note = element('div', 'chart-tooltip-note')
  readonly #table = element('div', 'chart-tooltip-rows')
  readonly #more = element('div', 'chart-tooltip-more')
  readonly #rows: RowParts[] = []
  #owner: object | null = null
  #frozen = false

  constructor() {
    this.#root.setAttribute('role', 'tooltip')
    this.#root.dataset['testid'] = 'chart-tooltip'
    this.#root.hidden = true
    this.#root.append(this.#head, this.#note, this.#table, this.#more)
    document.body.append(this.#root)
  }

  get frozen(): boolean {
    return this.#frozen
  }

  get frozenOwner(): object | null {
    return this.#frozen ? this.#owner : null
  }

  show(owner: object, content: TooltipContent, place: TooltipPlace): void {
    if (this.#frozen) return
    this.#owner = owner
    this.#fill(content)
    const root = this.#root
    if (root.hidden) root.hidden = false
    // Given, since measuring would force a layout on every pointer move.
    const [row] = content.rows
    const width = 240 + (row?.rank ? 28 : 0) + (row?.span ? 124 : 0) + (row?.smoothed ? 76 : 0)
    root.style.width = `${width}px`
    root.style.left = `${dockX(place, width)}px`
    const { plot } = place
    const height = 34 + content.rows.length * 18 + (content.more > 0 ? 18 : 0) + (content.note ? 54 : 0)
    const top = Math.max(EDGE, Math.min(plot.top + EDGE, window.innerHeight - height - EDGE))
    root.style.top = `${top}px`
  }

  hide(owner: object): void {
    if (this.#owner !== owner || this.#frozen) return
    this.#owner = null
    this.#root.hidden = true
  }

  /** Keep the tooltip where it is so that it can be scrolled and copied from; again to let go. */
  toggleFreeze(owner: object): void {
    if (this.#owner !== owner) return
    this.#frozen = !this.#frozen
    this.#root.classList.toggle('is-frozen', this.#frozen)
    if (!this.#frozen) this.hide(owner)
  }

  release(): boolean {
    if (!this.#frozen || !this.#owner) return false
    this.toggleFreeze(this.#owner)
    return true
  }

  #fill({ head, note, rows, more }: TooltipContent): void {
    setText(this.#head, head)
    this.#note.hidden = note === ''
    setText(this.#note, note)
    const shown = rows.slice(0, MOST_ROWS)
    this.#table.classList.toggle('is-ranked', (rows[0]?.rank ?? '') !== '')
    while (this.#rows.length < shown.length) this.#addRow()
    for (const [index, parts] of this.#rows.entries()) {
      const row = shown[index]
      parts.row.hidden = row === undefined
      if (!row) continue
      if (parts.swatch.style.background !== row.color) parts.swatch.style.background = row.color
      setText(parts.rank, row.rank)
      setText(parts.name, row.name)
      setText(parts.value, row.value)
      setText(parts.smoothed, row.smoothed)
      setText(parts.span, row.span)
      parts.value.classList.toggle('is-err', row.alarming)
    }
    this.#more.hidden = more === 0
    setText(this.#more, more > 0 ? `+ ${more} more` : '')
  }

  #addRow(): void {
    const parts: RowParts = {
      row: element('div', 'chart-tooltip-row'),
      swatch: element('span', 'chart-tooltip-swatch'),
      rank: element('span', 'chart-tooltip-rank'),
      name: element('bdi', 'chart-tooltip-name'),
      value: element('span', 'chart-tooltip-value'),
      smoothed: element('span', 'chart-tooltip-extra'),
      span: element('span', 'chart-tooltip-extra'),
    }
    parts.row.append(parts.swatch, parts.rank, parts.name, parts.value, parts.smoothed, parts.span)
    this.#table.append(parts.row)
    this.#rows.push(parts)
  }
}

/**
 * Beside the pointed place, on the plot's far side from the pointer: inside a wide plot, otherwise outside of
 * a narrow one, so that it never covers the lines it describes.
 */
function dockX({ plot, x, left }: TooltipPlace, width: number): number {
  const pointerIsRight = x > plot.width / 2
  if (width < plot.width * 0.45) return pointerIsRight ? plot.left + EDGE : plot.right - width - EDGE
  const before = plot.left - Y_AXIS - width
  const after = plot.right + EDGE
  const fitsBefore = before >= left
  const fitsAfter = after + width + EDGE <= window.innerWidth
  if (fitsBefore && (pointerIsRight || !fitsAfter)) return before
  if (fitsAfter) return after
  return pointerIsRight ? Math.max(EDGE, plot.left + EDGE) : Math.max(EDGE, plot.right - width - EDGE)
}

let instance: Tooltip | null = null

export function tooltip(): Tooltip {
  instance ??= new Tooltip()
  return instance
}

function element(tag: string, className: string): HTMLElement {
  const created = document.createElement(tag)
  created.className = className
  return created
}

function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text
}
