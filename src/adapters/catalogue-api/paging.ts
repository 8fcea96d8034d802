// From one page of an API to the address of the next. Pure.

/** How an API splits what it has into pages. */
export type Paging =
  | { readonly kind: 'none' }
  /** The body says, at `field`, what the next request gives as `parameter`; nothing, null or "" there means the end. */
  | { readonly kind: 'cursor'; readonly parameter: string; readonly field: string }
  /** Pages are numbered from `first`; the first one without rows is the end. */
  | { readonly kind: 'page'; readonly parameter: string; readonly first: number }
  /** The Link header names the next page: RFC 8288, relation "next". */
  | { readonly kind: 'link' }

export interface Page {
  readonly url: URL
  readonly body: unknown
  readonly linkHeader: string | null
  readonly rowCount: number
  /** 0 for the first page of a pull. */
  readonly pageIndex: number
}

export function firstUrl(base: string, paging: Paging, cursor?: string): URL {
  const url = new URL(base)
  if (paging.kind === 'page') url.searchParams.set(paging.parameter, String(paging.first))
  if (paging.kind === 'cursor' && cursor !== undefined) url.searchParams.set(paging.parameter, cursor)
  return url
}

/** Undefined behind the last page. */
export function nextUrl(paging: Paging, page: Page): URL | undefined {
  const url = new URL(page.url)
  if (paging.kind === 'none') return undefined
  if (paging.kind === 'page') {
    if (page.rowCount === 0) return undefined
    url.searchParams.set(paging.parameter, String(paging.first + page.pageIndex + 1))
    return url
  }
  if (paging.kind === 'link') {
    const next = linkTo(page.linkHeader, 'next')
    return next === undefined ? undefined : new URL(next, page.url)
  }
  const cursor = nextCursor(paging, page.body)
  if (cursor === undefined) return undefined
  url.searchParams.set(paging.parameter, cursor)
  return url
}

export function nextCursor(paging: Paging, body: unknown): string | undefined {
  if (paging.kind !== 'cursor') return undefined
  const found = valueAt(body, paging.field)
  return (typeof found === 'string' && found !== '') || typeof found === 'number' ? String(found) : undefined
}

/** The value at `a.b.c`; of an object that has a key of just that name, this one. */
export function valueAt(value: unknown, path: string): unknown {
  if (isRecord(value) && Object.hasOwn(value, path)) return value[path]
  let at: unknown = value
  for (const key of path.split('.')) {
    if (!isRecord(at) || !Object.hasOwn(at, key)) return undefined
    at = at[key]
  }
  return at
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The target of a relation in a Link header, such as `<https://x/items?page=2>; rel="next"`. */
export function linkTo(header: string | null, relation: string): string | undefined {
  for (const [, target, parameters] of (header ?? '').matchAll(
    /<([^>]*)>((?:\s*;\s*[^,;="\s]+(?:="[^"]*"|=[^,;\s]*)?)*)/g,
  )) {
    const found = /;\s*rel\s*=\s*(?:"([^"]*)"|([^;,\s]*))/i.exec(parameters!)
    const relations = (found?.[1] ?? found?.[2] ?? '').toLowerCase().split(/\s+/)
    if (relations.includes(relation)) return target
  }
  return undefined
}
