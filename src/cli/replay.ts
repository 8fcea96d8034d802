// millrace replay: does an answer come out again as it went out?
import { defineCommand } from 'citty'
import { type ReplayedAnswer, replayAnswers } from '../app/replay-answers.ts'
import { openApp } from '../app.ts'
import { isoTime } from '../domain/iso-time.ts'
import { MillraceError } from '../lib/errors.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'

export default defineCommand({
  meta: { name: 'replay', description: 'Compute answers that went out again, and tell what differs' },
  args: {
    ...appArguments,
    requestId: { type: 'positional', description: 'The requestId of an answer', required: false },
    last: { type: 'string', description: 'Instead of one: so many of the newest (default: 1)' },
    json: { type: 'boolean', description: 'Print everything as JSON', default: false },
  },
  async run({ args }) {
    const last = countArgument('last', args.last, 100_000)
    if (args.requestId !== undefined && last !== undefined) {
      throw new MillraceError('CLI_USAGE', 'Found a request id and --last, expected one of them.')
    }
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    let replays: readonly ReplayedAnswer[]
    try {
      replays = await replayAnswers(app, {
        requestIds: args.requestId === undefined ? undefined : [args.requestId],
        last,
      })
    } finally {
      await app.close()
    }
    const failedCount = replays.filter(({ failure }) => failure !== undefined).length
    const differing = replays.filter(({ differences }) => differences.length > 0)
    if (args.json) console.log(JSON.stringify(replays))
    else {
      for (const replay of replays)
        if (replay.failure !== undefined || replay.differences.length > 0 || replays.length === 1) tell(replay)
      console.log(
        `${replays.length} replayed, ${differing.length} with differences, ${failedCount} that could not be computed again`,
      )
    }
    if (differing.length === 0) return
    throw new MillraceError('ANSWER_DIFFERS', `${differing.length} of ${replays.length} answers came out otherwise.`, {
      fix: 'Look at what it says of each: columns that differ point to features, a changed system file to rules.',
    })
  },
})

function tell(replay: ReplayedAnswer): void {
  const {
    requestId,
    atMs,
    placement,
    modelVersion,
    itemCount,
    features,
    differences,
    differentColumns,
    failure,
    caveats,
  } = replay
  const rows = { asServed: 'features as served', recomputed: 'features recomputed', none: 'no ranker' }[features]
  console.log(`${requestId}: ${placement}, ${isoTime(atMs)}, model ${modelVersion}, ${itemCount} items, ${rows}`)
  if (failure !== undefined) console.log(`  cannot be computed again: ${failure}`)
  for (const { what, place, was, is } of differences) {
    console.log(`  ${place === undefined ? '' : `place ${place}: `}${what} was ${was}, is ${is}`)
  }
  if (differentColumns.length > 0) console.log(`  columns that differ: ${differentColumns.join(', ')}`)
  for (const caveat of caveats) console.log(`  ${caveat}`)
}
