// Makes the data of this example from the original: node examples/online-retail/compact.ts online_retail.tsv.gz
// Every invoice line is kept, in order, also the ones that the import will turn away; only the title, which repeats on every line, moves to a
// table of its own, one row per product.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

const original = process.argv[2]
if (!original) {
  console.error('Usage: node examples/online-retail/compact.ts online_retail.tsv.gz')
  process.exit(64)
}

const lines = gunzipSync(readFileSync(original)).toString('utf8').split('\n')
const header = lines.shift()!.split('\t')
const column = (name: string): number => {
  const index = header.indexOf(name)
  if (index < 0) throw new Error(`${original} has no column ${name}; it has ${header.join(', ')}`)
  return index
}
const [code, title, price, date] = [
  column('StockCode'),
  column('Description'),
  column('UnitPrice'),
  column('InvoiceDate'),
]
const [customer, country] = [column('CustomerID'), column('Country')]

const transactions = [header.filter((_, index) => index !== title).join('\t')]
const titles = new Map<string, Map<string, number>>()
const prices = new Map<string, number[]>()
const firstSold = new Map<string, string>()
const countries = new Map<string, string>()
for (const line of lines) {
  if (line === '') continue
  const fields = line.split('\t')
  transactions.push(fields.filter((_, index) => index !== title).join('\t'))
  const product = fields[code]!
  if (fields[customer] !== '') countries.set(fields[customer]!, fields[country]!)
  if (!firstSold.has(product)) firstSold.set(product, fields[date]!)
  // Stock takers wrote remarks such as "damaged?" into the title, in small letters; a product's own title is in capitals.
  const isTitle = fields[title] !== '' && fields[title] === fields[title]!.toUpperCase()
  if (isTitle) {
    const counts = titles.get(product) ?? new Map<string, number>()
    titles.set(product, counts.set(fields[title]!, (counts.get(fields[title]!) ?? 0) + 1))
  }
  if (Number(fields[price]) > 0) prices.set(product, [...(prices.get(product) ?? []), Number(fields[price])])
}

const products = ['StockCode\tTitle\tPrice\tFirstSold']
for (const product of [...titles.keys()].sort()) {
  const [mostFrequent] = [...titles.get(product)!].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]!
  const sorted = (prices.get(product) ?? []).sort((a, b) => a - b)
  products.push([product, mostFrequent, sorted[sorted.length >> 1] ?? '', firstSold.get(product)].join('\t'))
}

const write = (file: string, rows: readonly string[]): void => {
  const bytes = gzipSync(`${rows.join('\n')}\n`, { level: 9 })
  writeFileSync(join(import.meta.dirname, 'data', file), bytes)
  console.log(`${file}: ${rows.length - 1} rows, ${(bytes.length / 1e6).toFixed(2)} MB`)
}
write('transactions.tsv.gz', transactions)
write('products.tsv.gz', products)
write('customers.tsv.gz', [
  'CustomerID\tCountry',
  ...[...countries.keys()].sort().map((id) => `${id}\t${countries.get(id)}`),
])
