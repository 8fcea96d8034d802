// The gift shop that the example ships: its titles, and what was bought when.
import { gzipLines } from './data.ts'

const folder = new URL('../examples/online-retail/data/', import.meta.url)

const table = (name: string): string[][] =>
  gzipLines(new URL(name, folder).pathname)
    .slice(1)
    .map((line) => line.split('\t'))

/** By stock code. */
export const onlineRetailTitles = (): ReadonlyMap<string, string> =>
  new Map(table('products.tsv.gz').map(([code, title]) => [code!, title!]))

export interface Purchase {
  readonly invoice: string
  readonly itemId: string
  readonly timeMs: number
  /** Undefined where the shop did not know the customer. */
  readonly userId: string | undefined
}

/** Of items with a title, in the order of the invoices; cancellations are left out. */
export function onlineRetailPurchases(titles: ReadonlyMap<string, string>): readonly Purchase[] {
  return table('transactions.tsv.gz').flatMap(([invoice, code, quantity, date, , customer]) => {
    if (!(Number(quantity) > 0) || !titles.has(code!)) return []
    return [{ invoice: invoice!, itemId: code!, timeMs: Date.parse(date!), userId: customer || undefined }]
  })
}
