/** Keeps an exception inside the part of the page where it happened. */

import { Component, type ReactNode } from 'react'
import { ErrorNote } from './States'

interface BoundaryProps {
  what: string
  children: ReactNode
}

export class Boundary extends Component<BoundaryProps, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error }
  }

  override render(): ReactNode {
    const { error } = this.state
    if (!error) return this.props.children
    return (
      <ErrorNote
        what={`${this.props.what} failed`}
        error={error}
        onRetry={() => this.setState({ error: null })}
      />
    )
  }
}
