/** A description as its author meant it; nothing of it can be an element of its own making. */

import { useMemo, type ReactNode } from 'react'
import { parseMarkdown, type Block, type Inline } from '../core/markdown'
import { Text } from './Text'

export function Markdown({ children }: { children: string }) {
  const blocks = useMemo(() => parseMarkdown(children), [children])
  return (
    <div className="markdown">
      {blocks.map((block, index) => (
        <Part key={index} block={block} />
      ))}
    </div>
  )
}

function Part({ block }: { block: Block }): ReactNode {
  switch (block.kind) {
    case 'heading':
      // Headings of the page stand above those of a description.
      return block.level <= 2 ? (
        <h3>
          <Line parts={block.children} />
        </h3>
      ) : (
        <h4>
          <Line parts={block.children} />
        </h4>
      )
    case 'quote':
      return (
        <blockquote>
          <Line parts={block.children} />
        </blockquote>
      )
    case 'code':
      return (
        <pre className="code">
          <Text>{block.text}</Text>
        </pre>
      )
    case 'list': {
      const items = block.items.map((item, index) => (
        <li key={index}>
          <Line parts={item} />
        </li>
      ))
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>
    }
    case 'rule':
      return <hr />
    case 'paragraph':
      return (
        <p>
          <Line parts={block.children} />
        </p>
      )
  }
}

function Line({ parts }: { parts: readonly Inline[] }): ReactNode {
  return parts.map((part, index) => {
    if (part.kind === 'text') return <Text key={index}>{part.text}</Text>
    if (part.kind === 'code') {
      return (
        <code key={index}>
          <Text>{part.text}</Text>
        </code>
      )
    }
    const children = <Line parts={part.children} />
    if (part.kind === 'strong') return <strong key={index}>{children}</strong>
    if (part.kind === 'emphasis') return <em key={index}>{children}</em>
    return (
      <a key={index} href={part.href} title={part.href} target="_blank" rel="noopener noreferrer">
        {children} <span className="faint">({part.host})</span>
      </a>
    )
  })
}
