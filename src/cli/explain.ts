// millrace explain: why this item for this user?
import { defineCommand } from 'citty'
import { explainAnswer } from '../app/explain-answer.ts'
import { explainRecommendation } from '../app/explain-recommendation.ts'
import { openApp } from '../app.ts'
import { isoTime } from '../domain/iso-time.ts'
import { alignedColumns } from '../lib/aligned-columns.ts'
import { MillraceError } from '../lib/errors.ts'
import { describeAnswer } from '../training/answer-text.ts'
import { describeExplanation } from '../training/explanation.ts'
import { modelArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'

export default defineCommand({
  meta: { name: 'explain', description: 'Show the ranked list of a user, and what moved the score of one item' },
  args: {
    ...modelArguments,
    user: { type: 'string', description: 'The user, for a list as of now' },
    request: { type: 'string', description: 'Instead of a user: the requestId of an answer that went out' },
    item: { type: 'string', description: 'The item to explain (default: the best one)' },
    limit: { type: 'string', description: 'Items of the list to show (default: 10)' },
    json: { type: 'boolean', description: 'Print everything as JSON', default: false },
  },
  async run({ args }) {
    const limit = countArgument('limit', args.limit, 1000)
    if ((args.user === undefined) === (args.request === undefined)) {
      throw new MillraceError('CLI_USAGE', 'Expected --user or --request, one of them.')
    }
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      if (args.user === undefined) {
        const answer = await explainAnswer(app, { requestId: args.request!, itemId: args.item })
        if (args.json) console.log(JSON.stringify(answer))
        else for (const line of describeAnswer({ ...answer, at: isoTime(answer.atMs) })) console.log(line)
        return
      }
      const found = await explainRecommendation(app, {
        userId: args.user,
        itemId: args.item,
        version: args.version,
        limit,
      })
      if (args.json) {
        console.log(JSON.stringify(found))
        return
      }
      const { version, historyLength, candidateCount, items, explained } = found
      console.log(`Model ${version}; ${historyLength} interactions of ${args.user}, ${candidateCount} candidates`)
      const rows = items.map(({ itemId, score, ranks }, i) => [
        `${i + 1}.`,
        itemId,
        score.toFixed(4),
        Object.entries(ranks)
          .map(([name, rank]) => `${name} ${rank}.`)
          .join(', '),
      ])
      for (const line of alignedColumns([['', 'item', 'score', 'proposed by'], ...rows])) console.log(line)
      console.log(`\nWhy ${explained.itemId} is at place ${explained.place}:`)
      for (const line of describeExplanation(explained.explanation)) console.log(line)
    } finally {
      await app.close()
    }
  },
})
