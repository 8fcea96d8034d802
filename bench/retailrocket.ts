// RetailRocket: views, carts and purchases of a shop, with times. Weights are those that the guide gives them.
import { type InteractionTable, InteractionTableBuilder } from '../src/domain/interaction-table.ts'
import { dataFile, gzipLines } from './data.ts'

const weights: Readonly<Record<string, number>> = { view: 1, cart: 4, buy: 10 }

export function retailrocket(): InteractionTable | { readonly skipped: string } {
  const file = dataFile('retailrocket/events.tsv.gz')
  if ('skipped' in file) return file
  const [header = '', ...lines] = gzipLines(file.path)
  const place = (name: string): number => header.split('\t').indexOf(name)
  const [time, user, item, behaviour] = ['timestamp', 'user', 'item', 'behaviour'].map(place) as [
    number,
    number,
    number,
    number,
  ]
  const builder = new InteractionTableBuilder()
  for (const line of lines) {
    const fields = line.split('\t')
    builder.add(fields[user]!, fields[item]!, weights[fields[behaviour]!] ?? 1, Number(fields[time]) * 1000)
  }
  return builder.build()
}
