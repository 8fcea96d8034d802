// A shop's catalogue over HTTP, run as a process of its own, to be killed: node catalogue-server.ts PORT FILE.
// FILE is JSON, read with every request: { rows, pageSize, faults }. A fault is taken from the list with each request to /items, the last one stays.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { CatalogueState, Fault } from './catalogue-process.ts'

const [port, file] = process.argv.slice(2) as [string, string]
let requestCount = 0
/** One line per request, as the parent wants to see it. */
const log: string[] = []

createServer((request, response) => {
  const url = new URL(request.url!, `http://127.0.0.1:${port}`)
  if (url.pathname === '/log') return void response.end(JSON.stringify(log.splice(0)))
  if (url.pathname === '/reset') {
    requestCount = 0
    log.length = 0
    return void response.end()
  }
  if (url.pathname === '/moved') return void response.writeHead(302, { location: `/items${url.search}` }).end()
  if (url.pathname === '/elsewhere') return void response.writeHead(302, { location: 'http://localhost:9/items' }).end()
  const state = JSON.parse(readFileSync(file, 'utf8')) as CatalogueState
  const fault = state.faults?.[Math.min(requestCount++, state.faults.length - 1)] ?? 'none'
  log.push(
    `${Date.now()} ${request.url} ${request.headers.authorization ?? ''} ${request.headers['if-none-match'] ?? ''}`.trim(),
  )
  answer(fault, { request, response, url, state })
}).listen(Number(port), '127.0.0.1')

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly state: CatalogueState
}

function answer(fault: Fault, exchange: Exchange): void {
  const { response, request, state } = exchange
  const page = pageOf(exchange)
  const text = JSON.stringify(page.body)
  const etag = `"${createHash('sha256').update(`${text}${page.link}`).digest('hex').slice(0, 16)}"`
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ...(page.link && { link: page.link }),
    ...(state.hasEtags && { etag }),
  }
  switch (fault) {
    case 'none':
      if (state.hasEtags && request.headers['if-none-match'] === etag)
        return void response.writeHead(304, headers).end()
      if (state.slowMs) return void setTimeout(() => response.writeHead(200, headers).end(text), state.slowMs)
      return void response.writeHead(200, headers).end(text)
    case 'error':
      return void response.writeHead(500).end('out of order')
    case 'busy':
      return void response.writeHead(429, { 'retry-after': '1' }).end()
    case 'busy-for-hours':
      return void response.writeHead(503, { 'retry-after': '36000' }).end()
    case 'forbidden':
      return void response.writeHead(403).end()
    case 'truncated':
      // Less than promised, and the connection is cut.
      response.writeHead(200, { ...headers, 'content-length': String(text.length) })
      response.write(text.slice(0, text.length / 2))
      return void setTimeout(() => response.destroy(), 20)
    case 'half':
      // A proxy that cuts, and counts what is left.
      return void response.writeHead(200, headers).end(text.slice(0, text.length / 2))
    case 'hangs':
      return
    case 'trickles':
      response.writeHead(200, headers)
      return void setInterval(() => response.write(' '), 50)
    case 'huge':
      response.writeHead(200, headers)
      return void flood(response)
    case 'shape':
      return void response.writeHead(200, headers).end(JSON.stringify({ articles: [], total: 0 }))
    case 'html':
      return void response.writeHead(200, headers).end('<html>Welcome</html>')
  }
}

function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(65_536, ' ')
  const write = (): void => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once('drain', write)
  }
  write()
}

function pageOf({ url, state }: Exchange): { readonly body: unknown; readonly link: string } {
  const { rows, pageSize, paging } = state
  const begin =
    paging === 'page'
      ? (Number(url.searchParams.get('page') ?? 1) - 1) * pageSize
      : Number(url.searchParams.get('after') ?? 0)
  if (paging === 'same')
    return { body: { items: rows.slice(0, pageSize), next: `c${Date.now()}${Math.random()}` }, link: '' }
  if (paging === 'circle') return { body: { items: [], next: 'again' }, link: '' }
  if (paging === 'endless')
    return { body: { items: [{ sku: `i${begin}`, name: 'x' }], next: String(begin + 1) }, link: '' }
  const end = Math.min(rows.length, begin + pageSize)
  const items = rows.slice(begin, end)
  const hasMore = end < rows.length
  if (paging === 'page') return { body: { items }, link: '' }
  if (paging === 'link')
    return {
      body: items,
      link: hasMore ? `<${url.origin}/items?after=${end}>; rel="next", <${url.origin}/items>; rel="first"` : '',
    }
  if (paging === 'abroad') return { body: items, link: '<http://localhost:9/items>; rel=next' }
  // A feed: its cursor is given at its end, too.
  return { body: { items, next: paging === 'feed' ? String(end) : hasMore ? String(end) : null }, link: '' }
}
