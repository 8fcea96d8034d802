// The HTTP layer with a recommender that has nothing to do: what our own parsing, checking, counting and writing cost.
import { createServer } from '../src/http/server.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLogger } from '../src/lib/logger.ts'

const items = Array.from({ length: 20 }, (_, i) => ({ itemId: `item-${i}`, score: 1 / (i + 3), generator: 'cf' }))
const intake = async () => ({ acceptedCount: 0, duplicatePositions: [], rejected: [] })
const server = createServer(
  {
    recommender: {
      recommend: ({ placement }) => ({ requestId: 'r', placement, modelVersion: 'm1', rung: 'full', items }),
    },
    intake: { acceptEvents: intake, acceptEntityChanges: intake },
    keys: {
      add: async () => {},
      find: () => undefined,
      list: () => [],
      revoke: async () => false,
      close: async () => {},
    },
    clock: systemClock,
    log: silentLogger,
    placements: {},
    status: () => ({ lagEventCount: 0, lagMs: 0, obstacles: [] }),
    build: { version: '0', planHash: '0' },
  },
  { port: 0 },
)
console.log(JSON.stringify({ port: (await server.listen()).port }))
process.stdin.resume().on('end', () => process.exit(0))
