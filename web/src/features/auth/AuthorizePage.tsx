/** Makes an API key for a terminal that asked, and shows it once. */

import { useMutation, useQuery } from '@tanstack/react-query'
import { createKey, sessionQuery } from '../../api/queries'
import { Button } from '../../ui/Button'
import { Copy } from '../../ui/Copy'
import { ErrorNote } from '../../ui/States'

export function AuthorizePage() {
  const session = useQuery(sessionQuery)
  const made = useMutation({
    mutationFn: () =>
      createKey(`Made in the browser, ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`),
  })
  return (
    <div className="page-narrow" data-scroller>
      <h1>A key for your terminal</h1>
      <p>
        An API key lets a program log runs as <bdi>{session.data?.user.username}</bdi>. It is shown once; the
        server keeps only a fingerprint of it.
      </p>
      {made.data ? (
        <>
          <div className="secret">
            <code data-testid="new-api-key">{made.data.api_key}</code>
            <Copy text={made.data.api_key} label="Copy key" />
          </div>
          <p className="faint">Paste it where the terminal asks, then close this page.</p>
        </>
      ) : (
        <Button look="primary" disabled={made.isPending} onClick={() => made.mutate()}>
          Create API key
        </Button>
      )}
      {made.error && <ErrorNote what="No key was made" error={made.error} />}
    </div>
  )
}
