import { EmptyState } from '../../ui/States'

export function NotFound() {
  return (
    <EmptyState title="No page has this address">
      <p>
        Check the spelling, or start from <a href="/">your projects</a>.
      </p>
    </EmptyState>
  )
}
