/** Logged strings as text nodes, isolated from the direction of the text around them. */

import { useState } from 'react'
import { plural } from '../core/format'
import { splitTail } from '../core/ellipsis'
import { LONG_TEXT, visibleControls } from '../core/text'

/** Any logged string, cut at 10,000 characters (or `most`) with a way to see all. */
export function Text({ children, most = LONG_TEXT }: { children: string; most?: number }) {
  const [all, setAll] = useState(false)
  const cut = !all && children.length > most * 1.5
  return (
    <>
      <bdi>{visibleControls(cut ? children.slice(0, most) : children)}</bdi>
      {cut && (
        <button type="button" className="link" onClick={() => setAll(true)}>
          … show all ({plural(children.length, 'character')})
        </button>
      )}
    </>
  )
}

/** A name that shrinks in the middle and shows itself in full on hover. */
export function Name({ children, className = '' }: { children: string; className?: string }) {
  const text = visibleControls(children.slice(0, 1000))
  const [head, tail] = splitTail(text)
  return (
    <bdi className={`name ${className}`} title={text}>
      <span className="name-head">{head}</span>
      {tail !== '' && <span className="name-tail">{tail}</span>}
    </bdi>
  )
}
