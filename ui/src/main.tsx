import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { startLive } from './live'
import { makeRouter } from './router'
import { Gate } from './shell/Gate'
import './styles/tokens.css'
import './styles/base.css'

// Nothing is asked again by itself: the stream says what changed, and people press "retry". So a server that is down, or
// a sign-in that ended, is asked by the stream alone.
const client = new QueryClient({ defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false, refetchOnReconnect: false, staleTime: 15_000 } } })
startLive(client)
const router = makeRouter()

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <Gate>
        <RouterProvider router={router} />
      </Gate>
    </QueryClientProvider>
  </StrictMode>,
)
