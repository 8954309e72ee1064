/** How far a panel is from the screen: only near ones hold data and a canvas. */

import { useEffect, useState, type RefObject } from 'react'

export type Proximity = 'visible' | 'near' | 'far'

export function useProximity(target: RefObject<HTMLElement | null>, eager = false): Proximity {
  const [proximity, setProximity] = useState<Proximity>(eager ? 'visible' : 'far')
  useEffect(() => {
    const node = target.current
    if (!node || eager) return
    const root = node.closest('[data-scroller]')
    let near = false
    let visible = false
    const settle = (): void => setProximity(visible ? 'visible' : near ? 'near' : 'far')
    const watch = (rootMargin: string, take: (inside: boolean) => void): IntersectionObserver => {
      const observer = new IntersectionObserver(
        (entries) => {
          take(entries.at(-1)?.isIntersecting ?? false)
          settle()
        },
        { root, rootMargin },
      )
      observer.observe(node)
      return observer
    }
    const observers = [
      // One screen ahead in both directions.
      watch('100% 0px', (inside) => (near = inside)),
      watch('0px', (inside) => (visible = inside)),
    ]
    return () => observers.forEach((observer) => observer.disconnect())
  }, [target, eager])
  return proximity
}
