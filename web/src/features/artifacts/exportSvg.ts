/** A picture of the page as a file that looks the same elsewhere: styles of the page are written into it. */

const STYLES = [
  'fill',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'font-family',
  'font-size',
  'font-weight',
]
const MARGIN = 16

export function saveSvg(svg: SVGSVGElement, name: string): void {
  const blob = new Blob([toStandalone(svg)], { type: 'image/svg+xml' })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  window.setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}

function toStandalone(svg: SVGSVGElement): string {
  const copy = svg.cloneNode(true) as SVGSVGElement
  const originals = svg.querySelectorAll('*')
  copy.querySelectorAll('*').forEach((node, index) => {
    const original = originals[index]
    if (!original) return
    const computed = window.getComputedStyle(original)
    for (const style of STYLES) node.setAttribute(style, computed.getPropertyValue(style))
    for (const attribute of ['class', 'style', 'role', 'tabindex', 'aria-label', 'aria-pressed', 'data-node'])
      node.removeAttribute(attribute)
  })
  const width = Number(svg.dataset['width'] ?? 0) + 2 * MARGIN
  const height = Number(svg.dataset['height'] ?? 0) + 2 * MARGIN
  copy.querySelector('g')?.setAttribute('transform', `translate(${MARGIN} ${MARGIN})`)
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  copy.setAttribute('viewBox', `0 0 ${width} ${height}`)
  copy.setAttribute('width', String(width))
  copy.setAttribute('height', String(height))
  copy.setAttribute('style', `background: ${window.getComputedStyle(svg).backgroundColor}`)
  return new XMLSerializer().serializeToString(copy)
}
