import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiError } from './api/http'
import { sessionQuery } from './api/queries'
import { createAppRouter } from './routes'

const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    // A session that ended leads to the sign-in page, whatever was asked.
    onError: (error) => {
      if (error instanceof ApiError && error.status === 401)
        queryClient.setQueryData(sessionQuery.queryKey, null)
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // The server's own words are better than a third try, except when it did not answer at all.
      retry: (count, error) => !(error instanceof ApiError) && count < 2,
    },
  },
})

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={createAppRouter()} />
    </QueryClientProvider>
  </StrictMode>,
)
