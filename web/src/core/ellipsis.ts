/** Long names lose their middle: runs of one project differ at the end as often as at the start. */

/** At most `most` characters, with the middle replaced by one ellipsis. */
export function middleEllipsis(text: string, most: number): string {
  const characters = Array.from(text)
  if (characters.length <= most) return text
  if (most <= 1) return '…'
  const tail = Math.floor((most - 1) / 2)
  const head = most - 1 - tail
  return `${characters.slice(0, head).join('')}…${tail > 0 ? characters.slice(-tail).join('') : ''}`
}

/**
 * Cut a name into a head that may shrink and a tail that stays.
 *
 * The tail has about `tail` characters and starts at a separator where one is near; short names have none.
 * `head + tail` is the name, so that copying gives all of it.
 */
export function splitTail(text: string, tail = 9): [head: string, tail: string] {
  const characters = Array.from(text)
  if (characters.length <= tail * 2) return [text, '']
  let cut = characters.length - tail
  for (let i = cut; i < cut + 4; i++) {
    if (/[-_/. ]/.test(characters[i] ?? '')) {
      cut = i
      break
    }
  }
  return [characters.slice(0, cut).join(''), characters.slice(cut).join('')]
}
