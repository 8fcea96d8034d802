// The OpenAPI 3.1 document, made from the very schemas that requests are checked against and answers are written by.
import type { FastifyInstance, RouteOptions } from 'fastify'
import type { Scope } from '../domain/api-key.ts'
import { Problem } from './schemas.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a good body looks like, where the server checks it row by row instead of as a whole. */
    documentedBody?: object
    /** The answer's media type where it is not JSON. */
    answerType?: string
  }
  interface FastifySchema {
    operationId?: string
    summary?: string
  }
}

/** How failing answers of every route are written. */
export const failures = { '4xx': Problem, '5xx': Problem } as const

type Json = Record<string, unknown>

/** Collects routes as they are registered. Call before registering them; the result gives the document once all are. */
export function documentRoutes(app: FastifyInstance, info: { readonly version: string }): () => Json {
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => {
    if (route.schema?.operationId !== undefined && route.method !== 'HEAD') routes.push(route)
  })
  return () => openApiOf(routes, info)
}

function openApiOf(routes: readonly RouteOptions[], { version }: { readonly version: string }): Json {
  const components = new Map<string, unknown>()
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][String(route.method).toLowerCase()] = operationOf(route, components)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Millrace', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: 'Made with "millrace keys create". Not needed where the server listens on loopback only.',
        },
      },
    },
  }
}

function operationOf({ schema = {}, config }: RouteOptions, components: Map<string, unknown>): Json {
  const body = config?.documentedBody ?? schema.body
  const json = (of: unknown): Json => ({ 'application/json': { schema: referring(of, components) } })
  const parameters = [
    ...parametersOf(schema.params, 'path', components),
    ...parametersOf(schema.querystring, 'query', components),
  ]
  return {
    operationId: schema.operationId,
    summary: schema.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: responsesOf(schema.response as Json, config?.answerType, components),
    security: securityOf(config?.scope),
  }
}

function parametersOf(of: unknown, place: 'path' | 'query', components: Map<string, unknown>): Json[] {
  const { properties = {}, required = [] } = (of ?? {}) as { properties?: Json; required?: string[] }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: referring(schema, components),
  }))
}

function responsesOf(responses: Json, answerType: string | undefined, components: Map<string, unknown>): Json {
  const described = Object.entries(responses).map(([status, schema]) => {
    const isFailure = schema === Problem
    const mediaType = isFailure ? 'application/problem+json' : (answerType ?? 'application/json')
    const content = { [mediaType]: { schema: referring(schema, components) } }
    return [status.toUpperCase(), { description: isFailure ? 'What went wrong' : 'The answer', content }]
  })
  return Object.fromEntries(described)
}

// The key is optional in the document, because a server on loopback needs none.
const securityOf = (scope: Scope | undefined): Json[] => (scope === undefined ? [] : [{}, { key: [scope] }])

/** The schema with every titled part moved into the components and referred to by its title. */
function referring(schema: unknown, components: Map<string, unknown>): unknown {
  if (Array.isArray(schema)) return schema.map((part) => referring(part, components))
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, referring(part, components)]))
  if (typeof copy.title !== 'string') return copy
  components.set(copy.title, copy)
  return { $ref: `#/components/schemas/${copy.title}` }
}
