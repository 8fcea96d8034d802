// millrace duplicates: which items say the same?
import { defineCommand } from 'citty'
import { openSearch } from '../app/open-search.ts'
import { openApp } from '../app.ts'
import { alignedColumns } from '../lib/aligned-columns.ts'
import { silentLogger } from '../lib/logger.ts'
import { appArguments } from './app-arguments.ts'
import { itemText } from './item-text.ts'

export default defineCommand({
  meta: { name: 'duplicates', description: 'List items whose texts say the same' },
  args: { ...appArguments, json: { type: 'boolean', description: 'Print JSON', default: false } },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const { search, live } = await openSearch(app, silentLogger)
      const groups = await search.allDuplicates()
      if (args.json) {
        console.log(JSON.stringify({ groups }))
        return
      }
      const copyCount = groups.reduce((sum, { duplicates }) => sum + duplicates.length, 0)
      const { liveCount } = live.catalogue
      console.log(
        `${copyCount.toLocaleString('en-US')} of ${liveCount.toLocaleString('en-US')} items say what another one says, in ${groups.length.toLocaleString('en-US')} groups`,
      )
      for (const { itemId, duplicates } of groups) {
        console.log('')
        const rows = duplicates.map(({ itemId: copy, by, differing }) => [
          copy,
          itemText(live.catalogue, copy),
          differing.length === 0 ? byText[by] : `${byText[by]}; other ${differing.join(', ')}`,
        ])
        for (const line of alignedColumns([[itemId, itemText(live.catalogue, itemId), ''], ...rows])) console.log(line)
      }
    } finally {
      await app.close()
    }
  },
})

const byText = { words: 'same words', letters: 'same letters', spelling: 'another spelling' } as const
