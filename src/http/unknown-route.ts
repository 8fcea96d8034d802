import type { FastifyInstance, FastifyRequest } from 'fastify'
import { MillraceError } from '../lib/errors.ts'
import { nearestName } from '../lib/nearest-name.ts'

interface Route {
  readonly method: string
  readonly path: string
}

/** Longer addresses are cut before they are compared: the comparison's cost grows with the length. */
const COMPARED_LENGTH_MAX = 80

/** Makes requests that fit no route fail with the nearest one. Call before registering the routes. */
export function refuseUnknownRoutes(app: FastifyInstance): void {
  const routes: Route[] = []
  app.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat()) if (name !== 'HEAD') routes.push({ method: name, path: url })
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const allowed = routes.filter((route) => fits(path, route.path)).map((route) => route.method)
    if (allowed.length > 0) reply.header('allow', allowed.join(', '))
    throw allowed.length > 0 ? wrongMethod(request, path, allowed) : unknownRoute(request, path, routes)
  })
}

function wrongMethod(request: FastifyRequest, path: string, allowed: readonly string[]): MillraceError {
  return new MillraceError('METHOD_NOT_ALLOWED', `${shortened(path)} does not take ${request.method}.`, {
    fix: `Use ${allowed.join(' or ')}.`,
  })
}

function unknownRoute(request: FastifyRequest, path: string, routes: readonly Route[]): MillraceError {
  const nearest = nearestName(shortened(path), [...new Set(routes.map((route) => filledLike(path, route.path)))])
  const route = routes.find((candidate) => filledLike(path, candidate.path) === nearest)
  return new MillraceError('ROUTE_UNKNOWN', `There is nothing at ${request.method} ${shortened(path)}.`, {
    fix: `${route === undefined ? '' : `Did you mean ${route.method} ${route.path}? `}See /openapi.json for all routes.`,
  })
}

const shortened = (path: string): string =>
  path.length > COMPARED_LENGTH_MAX ? `${path.slice(0, COMPARED_LENGTH_MAX)}…` : path

function fits(path: string, pattern: string): boolean {
  const [given, wanted] = [path.split('/'), pattern.split('/')]
  return (
    given.length === wanted.length &&
    wanted.every((part, i) => part === given[i] || (isVariable(part) && given[i] !== ''))
  )
}

/** The pattern with its variable parts taken from the path, so that ids do not count as differences. */
function filledLike(path: string, pattern: string): string {
  const given = path.slice(0, COMPARED_LENGTH_MAX).split('/')
  return pattern
    .split('/')
    .map((part, i) => (isVariable(part) ? (given[i] ?? part) : part))
    .join('/')
}

const isVariable = (part: string): boolean => part.startsWith(':')
