// The system that the ingest benchmark feeds, and the rows it feeds it with.
import { createWriteStream, writeFileSync } from 'node:fs'
import { finished } from 'node:stream/promises'
import { defineSystem } from '../src/config/define-system.ts'
import { fileSource, httpIngest } from '../src/config/sources.ts'
import { seededRng } from '../src/lib/rng.ts'
import { popularity } from '../src/models/popularity/popularity.ts'

const owner = 'bench'
const columns = { userId: 'customer', itemId: 'item', eventTime: 'at', interaction: 'action', weight: 'quantity' }

export const ingestSystem = defineSystem({
  name: 'ingest',
  data: {
    owner,
    entities: { user: {}, item: {} },
    interactions: { view: { weight: 1 }, cart: { weight: 4 }, purchase: { weight: 10 } },
    sources: {
      csv: fileSource({ path: 'rows.csv', holds: 'interactions', columns }),
      csvGzip: fileSource({ path: 'rows.csv.gz', holds: 'interactions', columns }),
      jsonl: fileSource({ path: 'rows.jsonl', holds: 'interactions', columns }),
      parquet: fileSource({ path: 'rows.parquet', holds: 'interactions', columns }),
      live: httpIngest(),
    },
  },
  training: { owner, candidates: { trending: popularity() } },
  serving: { owner, placements: { home: { candidates: ['trending'] } } },
  monitoring: { owner },
})

export interface SaleRow {
  readonly invoice: string
  readonly customer: string
  readonly item: string
  readonly action: string
  readonly quantity: number
  readonly at: string
  readonly price: number
  readonly country: string
}

/** Rows like those of a shop's export: eight columns, five of them mapped, one quoted; no event ids, so that they have to be made. */
export function* saleRows(count: number, seed: number): Generator<SaleRow> {
  const rng = seededRng(seed)
  const actions = ['view', 'cart', 'purchase']
  for (let n = 0; n < count; n++) {
    yield {
      invoice: String(536_365 + n),
      customer: String(10_000 + rng.integer(20_000)),
      item: `${20_000 + rng.integer(40_000)}A`,
      action: actions[rng.integer(3)]!,
      quantity: 1 + rng.integer(12),
      at: new Date(Date.UTC(2010, 11, 1) + n * 30_000).toISOString(),
      price: rng.integer(2000) / 100,
      country: 'United Kingdom, England',
    }
  }
}

export const csvHeader = 'invoice,customer,item,action,quantity,at,price,country\n'

export const asCsv = ({ invoice, customer, item, action, quantity, at, price, country }: SaleRow): string =>
  `${invoice},${customer},${item},${action},${quantity},${at},${price},"${country}"\n`

/** Writes rows until the file has this many bytes. */
export async function writeCsvFile(
  path: string,
  { bytes, seed }: { readonly bytes: number; readonly seed: number },
): Promise<void> {
  const file = createWriteStream(path)
  let text = csvHeader
  let writtenBytes = 0
  for (const row of saleRows(Number.MAX_SAFE_INTEGER, seed)) {
    text += asCsv(row)
    if (text.length < 2 ** 20) continue
    writtenBytes += text.length
    if (!file.write(text)) await new Promise<void>((resolve) => file.once('drain', () => resolve()))
    text = ''
    if (writtenBytes >= bytes) break
  }
  file.end(text)
  await finished(file)
}

/** Bodies of POST /v1/events, one per line. */
export function writeBodies(
  path: string,
  { bodyCount, eventCount, seed }: { readonly bodyCount: number; readonly eventCount: number; readonly seed: number },
): void {
  const rows = saleRows(bodyCount * eventCount, seed)
  const bodies: string[] = []
  for (let body = 0; body < bodyCount; body++) {
    const events = Array.from({ length: eventCount }, () => {
      const { invoice, customer, item, action, at } = rows.next().value as SaleRow
      return { id: `web-${invoice}`, interaction: action, userId: customer, itemId: item, eventTime: at }
    })
    bodies.push(JSON.stringify({ events }))
  }
  writeFileSync(path, bodies.join('\n'))
}
