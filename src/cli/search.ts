// millrace search: which items fit some words?
import { defineCommand } from 'citty'
import { openSearch } from '../app/open-search.ts'
import { openApp } from '../app.ts'
import type { SearchedWord } from '../domain/search.ts'
import { silentLogger } from '../lib/logger.ts'
import { appArguments } from './app-arguments.ts'
import { itemText } from './item-text.ts'
import { countArgument } from './number-argument.ts'
import { printTable } from './table.ts'

export default defineCommand({
  meta: { name: 'search', description: 'Find items by what is written about them' },
  args: {
    query: { type: 'positional', description: 'Words, in quotes where there are several', required: true },
    filter: { type: 'string', description: 'Only items for which it holds, such as "price < 20"' },
    limit: { type: 'string', description: 'Items to show (default: 20)' },
    ...appArguments,
    json: { type: 'boolean', description: 'Print JSON', default: false },
  },
  async run({ args }) {
    const limit = countArgument('limit', args.limit, 1000)
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const { search, live } = await openSearch(app, silentLogger)
      const found = await search.search({
        query: args.query,
        ...(args.filter !== undefined && { filter: args.filter }),
        ...(limit !== undefined && { limit }),
      })
      if (args.json) {
        console.log(JSON.stringify(found))
        return
      }
      for (const word of found.words) if (!isPlain(word)) console.log(wordText(word))
      if (found.items.length === 0) console.log('Nothing fits.')
      else {
        printTable(
          ['item', 'score', 'matched', 'text'],
          found.items.map(({ itemId, score, matched }) => [
            itemId,
            score.toFixed(3),
            matched.length === 0 ? '(alike)' : matched.join(' '),
            itemText(live.catalogue, itemId),
          ]),
        )
      }
      if (found.shortfall) console.log(found.shortfall.message)
    } finally {
      await app.close()
    }
  },
})

/** Nothing but what was written. */
const isPlain = ({ readAs }: SearchedWord): boolean => readAs[0]?.by === 'word'

function wordText({ word, readAs }: SearchedWord): string {
  if (readAs.length === 0) return `"${word}": no item has it, or anything like it.`
  return `"${word}" was read as ${readAs.map((reading) => `"${reading.word}"`).join(', ')}.`
}
