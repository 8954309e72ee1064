import { describe, expect, it } from 'vitest'
import { parseInline, parseMarkdown } from './markdown'

describe('parseMarkdown', () => {
  it('reads headings, paragraphs, lists, quotes, rules and code', () => {
    const blocks = parseMarkdown(
      '# Title\n\none\ntwo\n\n- a\n  more\n- b\n\n1. x\n\n> said\n\n---\n```py\n<b>\n```\nend',
    )
    expect(blocks).toEqual([
      { kind: 'heading', level: 1, children: [{ kind: 'text', text: 'Title' }] },
      { kind: 'paragraph', children: [{ kind: 'text', text: 'one\ntwo' }] },
      {
        kind: 'list',
        ordered: false,
        items: [[{ kind: 'text', text: 'a more' }], [{ kind: 'text', text: 'b' }]],
      },
      { kind: 'list', ordered: true, items: [[{ kind: 'text', text: 'x' }]] },
      { kind: 'quote', children: [{ kind: 'text', text: 'said' }] },
      { kind: 'rule' },
      { kind: 'code', text: '<b>' },
      { kind: 'paragraph', children: [{ kind: 'text', text: 'end' }] },
    ])
  })

  it('leaves markup as text', () => {
    const source = '<img src=x onerror=alert(1)>'
    expect(parseMarkdown(source)).toEqual([{ kind: 'paragraph', children: [{ kind: 'text', text: source }] }])
  })

  it('ends, whatever comes', () => {
    for (const source of ['```', '>', '- ', '#', '**', '`', '[](', '>\n>a\nb', '* * *', '\n\n'])
      parseMarkdown(source)
    expect(parseMarkdown('x'.repeat(200_000))).toHaveLength(1)
  })
})

describe('parseInline', () => {
  it('reads code, emphasis and links', () => {
    expect(parseInline('a `b` **c *d*** [e](https://x.org/y)')).toMatchObject([
      { kind: 'text' },
      { kind: 'code', text: 'b' },
      { kind: 'text' },
      { kind: 'strong' },
      { kind: 'text' },
      { kind: 'link', href: 'https://x.org/y', host: 'x.org' },
    ])
    expect(parseInline('snake_case_name')).toEqual([{ kind: 'text', text: 'snake_case_name' }])
  })

  it('follows safe schemes only', () => {
    for (const href of [
      'javascript:alert(1)',
      'data:text/html,x',
      '/relative',
      'JaVaScRiPt:x',
      'file:///x',
    ]) {
      const source = `[x](${href})`
      expect(parseInline(source).every(({ kind }) => kind === 'text')).toBe(true)
    }
    expect(parseInline('[m](mailto:a@b.c)')).toMatchObject([{ kind: 'link', host: 'a@b.c' }])
  })
})
