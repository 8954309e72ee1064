/** The addresses of the page, one line each. Those that clients print are fixed. */

import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { parseSearch, stringifySearch, type Search } from './core/view'
import { NotFound } from './features/shell/NotFound'
import { Shell } from './features/shell/Shell'
import { WorkspacePage } from './features/workspace/WorkspacePage'

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  validateSearch: (search): Search => search as Search,
})

const login = lazyRouteComponent(() => import('./features/auth/LoginPage'), 'LoginPage')
const projects = lazyRouteComponent(() => import('./features/projects/ProjectsPage'), 'ProjectsPage')
const artifacts = lazyRouteComponent(() => import('./features/artifacts/ArtifactsPage'), 'ArtifactsPage')
const run = lazyRouteComponent(() => import('./features/run/RunPage'), 'RunPage')

const routeTree = root.addChildren([
  createRoute({ getParentRoute: () => root, path: '/', component: projects }),
  createRoute({ getParentRoute: () => root, path: '/login', component: login }),
  createRoute({ getParentRoute: () => root, path: '/login/$token', component: login }),
  createRoute({
    getParentRoute: () => root,
    path: '/authorize',
    component: lazyRouteComponent(() => import('./features/auth/AuthorizePage'), 'AuthorizePage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/registry',
    component: lazyRouteComponent(() => import('./features/registry/RegistriesPage'), 'RegistriesPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/registry/$organization/$registry',
    component: lazyRouteComponent(() => import('./features/registry/RegistryPage'), 'RegistryPage'),
  }),
  createRoute({ getParentRoute: () => root, path: '/$entity', component: projects }),
  // Most visits go here, so it is not loaded in a second step.
  createRoute({ getParentRoute: () => root, path: '/$entity/$project', component: WorkspacePage }),
  createRoute({
    getParentRoute: () => root,
    path: '/$entity/$project/compare',
    component: lazyRouteComponent(() => import('./features/compare/ComparePage'), 'ComparePage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/$entity/$project/media',
    component: lazyRouteComponent(() => import('./features/media/MediaPage'), 'MediaPage'),
  }),
  createRoute({ getParentRoute: () => root, path: '/$entity/$project/artifacts', component: artifacts }),
  createRoute({ getParentRoute: () => root, path: '/$entity/$project/artifacts/$', component: artifacts }),
  createRoute({
    getParentRoute: () => root,
    path: '/$entity/$project/lineage',
    component: lazyRouteComponent(() => import('./features/artifacts/LineagePage'), 'LineagePage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/$entity/$project/settings/storage',
    component: lazyRouteComponent(() => import('./features/storage/StoragePage'), 'StoragePage'),
  }),
  createRoute({ getParentRoute: () => root, path: '/$entity/$project/runs/$run', component: run }),
  createRoute({ getParentRoute: () => root, path: '/$entity/$project/runs/$run/$tab', component: run }),
])

export function createAppRouter() {
  return createRouter({ routeTree, parseSearch, stringifySearch, scrollRestoration: false })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>
  }
}
