import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, retainSearchParams } from '@tanstack/react-router'
import { appSearch } from './app/search'
import { Shell } from './shell/Shell'
import { parseSearch, writeSearch } from './search'
import { NotFound } from './pages/NotFound'
import { Crash } from './shell/Crash'

// Everything is an address. Search parameters are plain strings (?filter=state:failed,drifted&view=matrix), so that people
// can read and write them.

type Raw = Record<string, unknown>
const text = (raw: Raw, key: string): string | undefined => (typeof raw[key] === 'string' && raw[key] !== '' ? (raw[key] as string) : undefined)
function pick<const K extends string>(...keys: K[]) {
  return (raw: Raw) => {
    const out: { [P in K]?: string } = {}
    for (const k of keys) {
      const v = text(raw, k)
      if (v !== undefined) out[k] = v
    }
    return out
  }
}

// The scope goes along to every page.
const root = createRootRoute({ validateSearch: pick('namespace', 'cluster'), search: { middlewares: [retainSearchParams(['namespace', 'cluster'])] }, component: () => <Shell><Outlet /></Shell>, notFoundComponent: NotFound, errorComponent: Crash })
const at = <const P extends string>(path: P) => ({ getParentRoute: () => root, path })

export const overviewRoute = createRoute({ ...at('/'), validateSearch: pick('group', 'filter', 'tv', 'colour'), component: lazyRouteComponent(() => import('./pages/overview/Overview')) })
export const appsRoute = createRoute({ ...at('/apps'), validateSearch: pick('filter', 'sort', 'view', 'columns'), component: lazyRouteComponent(() => import('./pages/apps/Apps')) })
export const planRoute = createRoute({ ...at('/plan'), validateSearch: pick('apps'), component: lazyRouteComponent(() => import('./pages/apps/BulkPlan')) })
export const appRoute = createRoute({ ...at('/a/$namespace/$name'), validateSearch: appSearch, component: lazyRouteComponent(() => import('./app/AppPage')) })
// Below an App: /o/<object>, its drawer. The page is the parent's, so that it stays when a drawer opens.
const appBelow = createRoute({ getParentRoute: () => appRoute, path: '$' })
const appItself = createRoute({ getParentRoute: () => appRoute, path: '/' })
export const changesRoute = createRoute({ ...at('/changes'), validateSearch: pick('filter', 'kind', 'app', 'open'), component: lazyRouteComponent(() => import('./pages/Changes')) })
export const clustersRoute = createRoute({ ...at('/clusters'), component: lazyRouteComponent(() => import('./pages/Clusters')) })
export const repositoriesRoute = createRoute({ ...at('/repositories'), component: lazyRouteComponent(() => import('./pages/Repositories')) })
export const measuresRoute = createRoute({ ...at('/measures'), validateSearch: pick('filter', 'app', 'from', 'to', 'days', 'as'), component: lazyRouteComponent(() => import('./pages/Measures')) })
export const settingsRoute = createRoute({ ...at('/settings'), validateSearch: pick('part'), component: lazyRouteComponent(() => import('./pages/Settings')) })
export const searchRoute = createRoute({ ...at('/search'), validateSearch: pick('q'), component: lazyRouteComponent(() => import('./pages/Search')) })
export const laterRoute = createRoute({ ...at('/later/$what'), component: lazyRouteComponent(() => import('./pages/Later')) })

const tree = root.addChildren([overviewRoute, appsRoute, planRoute, appRoute.addChildren([appItself, appBelow]), changesRoute, clustersRoute, repositoriesRoute, measuresRoute, settingsRoute, searchRoute, laterRoute])

export function makeRouter() {
  return createRouter({
    routeTree: tree,
    basepath: new URL(document.baseURI).pathname.replace(/\/$/, '') || '/',
    parseSearch,
    stringifySearch: writeSearch,
    defaultPreload: 'intent',
    scrollRestoration: true,
    defaultErrorComponent: Crash,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
