/**
 * A small part of Markdown as a tree, for descriptions: headings, lists, code, quotes, emphasis, links.
 *
 * Raw HTML does not exist here: everything that is not one of these forms stays text. Links are given out only with the
 * schemes that are safe to follow.
 */

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong'; children: Inline[] }
  | { kind: 'emphasis'; children: Inline[] }
  | { kind: 'link'; href: string; host: string; children: Inline[] }

export type Block =
  | { kind: 'heading'; level: number; children: Inline[] }
  | { kind: 'paragraph' | 'quote'; children: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }
  | { kind: 'rule' }

const LIST_ITEM = /^\s{0,3}(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/
const SAFE_SCHEMES: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:'])
/** Longer texts are not read as Markdown. */
const MOST_CHARACTERS = 100_000
const MOST_DEPTH = 4

export function parseMarkdown(source: string): Block[] {
  if (source.length > MOST_CHARACTERS) return [{ kind: 'code', text: source }]
  const lines = source.replaceAll('\r\n', '\n').split('\n')
  const blocks: Block[] = []
  let at = 0
  while (at < lines.length) {
    const line = lines[at] ?? ''
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line)
    if (line.trim() === '') at++
    else if (line.startsWith('```')) {
      const end = lines.findIndex((other, index) => index > at && other.startsWith('```'))
      const stop = end === -1 ? lines.length : end
      blocks.push({ kind: 'code', text: lines.slice(at + 1, stop).join('\n') })
      at = stop + 1
    } else if (heading) {
      blocks.push({
        kind: 'heading',
        level: (heading[1] ?? '').length,
        children: parseInline(heading[2] ?? ''),
      })
      at++
    } else if (/^\s{0,3}([-*_])(?:\s*\1){2,}\s*$/.test(line)) {
      blocks.push({ kind: 'rule' })
      at++
    } else if (LIST_ITEM.test(line)) {
      const ordered = LIST_ITEM.exec(line)?.[2] !== undefined
      const items: string[] = []
      for (; at < lines.length; at++) {
        const next = lines[at] ?? ''
        const item = LIST_ITEM.exec(next)
        if (item && (item[2] !== undefined) === ordered) items.push(item[3] ?? '')
        // An indented line goes on with the item above it.
        else if (/^\s+\S/.test(next) && items.length > 0) items.push(`${items.pop() ?? ''} ${next.trim()}`)
        else break
      }
      blocks.push({ kind: 'list', ordered, items: items.map((item) => parseInline(item)) })
    } else {
      const quote = line.startsWith('>')
      const taken: string[] = []
      for (; at < lines.length; at++) {
        const next = lines[at] ?? ''
        const ends =
          next.trim() === '' || next.startsWith('```') || /^#{1,6}\s/.test(next) || LIST_ITEM.test(next)
        if ((taken.length > 0 && ends) || next.startsWith('>') !== quote) break
        taken.push(quote ? next.replace(/^>\s?/, '') : next.trim())
      }
      blocks.push({ kind: quote ? 'quote' : 'paragraph', children: parseInline(taken.join('\n')) })
    }
  }
  return blocks
}

const INLINE =
  /(`+)([\s\S]+?)\1(?!`)|\*\*([\s\S]+?)\*\*|(?<![\w*])[*_](?!\s)([^*_]+?)[*_](?!\w)|\[([^\]\n]{1,1000})\]\(([^()\s]{1,2000})\)/

export function parseInline(text: string, depth = 0): Inline[] {
  const found: Inline[] = []
  let rest = text
  while (rest !== '') {
    const match = depth < MOST_DEPTH ? INLINE.exec(rest) : null
    if (!match) {
      found.push({ kind: 'text', text: rest })
      break
    }
    if (match.index > 0) found.push({ kind: 'text', text: rest.slice(0, match.index) })
    const [whole, , code, strong, emphasis, label, href] = match
    if (code !== undefined) found.push({ kind: 'code', text: code.trim() })
    else if (strong !== undefined) found.push({ kind: 'strong', children: parseInline(strong, depth + 1) })
    else if (emphasis !== undefined)
      found.push({ kind: 'emphasis', children: parseInline(emphasis, depth + 1) })
    else {
      const host = safeHost(href ?? '')
      if (host === null) found.push({ kind: 'text', text: whole })
      else found.push({ kind: 'link', href: href ?? '', host, children: parseInline(label ?? '', depth + 1) })
    }
    rest = rest.slice(match.index + whole.length)
  }
  return found
}

/** Where a link leads, for showing; null for one that may not be followed. */
function safeHost(href: string): string | null {
  try {
    const url = new URL(href)
    if (!SAFE_SCHEMES.has(url.protocol)) return null
    return url.protocol === 'mailto:' ? url.pathname : url.host
  } catch {
    return null
  }
}
