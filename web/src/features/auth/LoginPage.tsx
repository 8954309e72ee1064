/** Sign in with an API key, or by a one-time link. */

import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState, type SyntheticEvent } from 'react'
import { sessionQuery, signIn } from '../../api/queries'
import { Button } from '../../ui/Button'
import { useAddress, usePlace } from '../../ui/usePlace'

export function LoginPage() {
  const { token } = usePlace()
  const search = useAddress()
  const [key, setKey] = useState('')
  const [busy, setBusy] = useState(token !== undefined)
  const [problem, setProblem] = useState<string | null>(null)
  const field = useRef<HTMLInputElement>(null)
  const client = useQueryClient()
  const navigate = useNavigate()
  const used = useRef<string | null>(null)

  const enter = async (body: { api_key: string } | { token: string }): Promise<void> => {
    setBusy(true)
    setProblem(null)
    try {
      client.setQueryData(sessionQuery.queryKey, await signIn(body))
      await navigate({ href: localPath(search['next']), replace: true })
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
      setBusy(false)
      field.current?.focus()
    }
  }
  const latest = useRef(enter)
  useEffect(() => {
    latest.current = enter
  })
  useEffect(() => {
    // A link works once, and development mode runs effects twice.
    if (token === undefined || used.current === token) return
    used.current = token
    void latest.current({ token })
  }, [token])

  const onSubmit = (event: SyntheticEvent): void => {
    event.preventDefault()
    if (key.trim() !== '') void enter({ api_key: key.trim() })
  }
  return (
    <main className="login">
      <h1>
        <img src="/assets/kymograph.svg" alt="" width={28} height={28} />
        Kymograph
      </h1>
      <form className="login-card" onSubmit={onSubmit}>
        <label htmlFor="api-key">API key</label>
        <input
          ref={field}
          id="api-key"
          className="input mono"
          type="password"
          autoComplete="current-password"
          autoFocus
          value={key}
          aria-invalid={problem !== null}
          aria-describedby={problem === null ? undefined : 'login-problem'}
          onChange={(event) => setKey(event.target.value)}
        />
        {problem !== null && (
          <p id="login-problem" className="is-err" role="alert">
            {problem}
          </p>
        )}
        <Button type="submit" look="primary" disabled={busy || key.trim() === ''}>
          {busy ? 'Signing in …' : 'Sign in'}
        </Button>
      </form>
      <p className="faint login-foot">
        No key? Run <code>kymograph admin login-link</code> on the server.
      </p>
    </main>
  )
}

/** Only a path of this page: never another host. */
function localPath(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])/.test(next) ? next : '/'
}
