/** How far a panel is from the screen: only near ones hold data and a canvas. */

import { useEffect, useState, type RefObject } from 'react'

export type Proximity = 'visible' | 'near' | 'far'

export function useProximity(target: RefObject<HTMLElement | null>, eager = false): Proximity {
  const [proximity, setProximity] = useState<Proximity>(eager ? 'visible' : 'far')
  useEffect(() => {
    const node = target.current
    if (!node || eager) return
    return Scroller.of(node.closest('[data-scroller]')).watch(node, setProximity)
  }, [target, eager])
  return proximity
}

interface Watched {
  near: boolean
  visible: boolean
  shown: Proximity
  show: (proximity: Proximity) => void
}

/** Scrolling has stopped when nothing moved for so long, ms. */
const STILL_MS = 80

/**
 * The panels of one scrolling area, watched together.
 *
 * While it scrolls, panels that come near are filled one per frame, those on screen first: filling one takes a few
 * milliseconds, and a quick scroll passes hundreds that nobody will look at.
 */
class Scroller {
  static readonly #all = new WeakMap<Element | Document, Scroller>()

  static of(root: Element | null): Scroller {
    const key = root ?? document
    const known = Scroller.#all.get(key)
    if (known) return known
    const created = new Scroller(root)
    Scroller.#all.set(key, created)
    return created
  }

  readonly #watched = new Map<Element, Watched>()
  readonly #waiting = new Set<Watched>()
  readonly #observers: readonly IntersectionObserver[]
  #movedAt = Number.NEGATIVE_INFINITY
  #frame = 0

  private constructor(root: Element | null) {
    const observe = (
      rootMargin: string,
      take: (panel: Watched, inside: boolean) => void,
    ): IntersectionObserver =>
      new IntersectionObserver(
        (entries) => {
          for (const { target, isIntersecting } of entries) {
            const panel = this.#watched.get(target)
            if (!panel) continue
            take(panel, isIntersecting)
            this.#settle(panel)
          }
        },
        { root, rootMargin },
      )
    this.#observers = [
      // One screen ahead in both directions.
      observe('100% 0px', (panel, inside) => (panel.near = inside)),
      observe('0px', (panel, inside) => (panel.visible = inside)),
    ]
    const target: Element | Document = root ?? document
    target.addEventListener('scroll', () => (this.#movedAt = performance.now()), { passive: true })
  }

  watch(node: Element, show: (proximity: Proximity) => void): () => void {
    const panel: Watched = { near: false, visible: false, shown: 'far', show }
    this.#watched.set(node, panel)
    for (const observer of this.#observers) observer.observe(node)
    return () => {
      this.#watched.delete(node)
      this.#waiting.delete(panel)
      for (const observer of this.#observers) observer.unobserve(node)
    }
  }

  #settle(panel: Watched): void {
    const wanted = wantedOf(panel)
    if (panel.shown !== 'far' || wanted === 'far' || this.#isStill()) {
      this.#show(panel)
      return
    }
    this.#waiting.add(panel)
    if (this.#frame === 0) this.#frame = requestAnimationFrame(this.#fill)
  }

  readonly #fill = (): void => {
    this.#frame = 0
    const panels = [...this.#waiting]
    const next = this.#isStill() ? panels : [panels.find(({ visible }) => visible) ?? panels[0]]
    for (const panel of next) if (panel) this.#show(panel)
    if (this.#waiting.size > 0) this.#frame = requestAnimationFrame(this.#fill)
  }

  #show(panel: Watched): void {
    this.#waiting.delete(panel)
    const wanted = wantedOf(panel)
    if (wanted === panel.shown) return
    panel.shown = wanted
    panel.show(wanted)
  }

  #isStill(): boolean {
    return performance.now() - this.#movedAt > STILL_MS
  }
}

function wantedOf({ near, visible }: Watched): Proximity {
  return visible ? 'visible' : near ? 'near' : 'far'
}
