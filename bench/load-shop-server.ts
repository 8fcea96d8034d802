// A real server over a made shop: live state, a model trained on the shop's interactions, every rule, and HTTP. Only the disk is missing, which
// no recommendation touches.
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { createServer } from '../src/http/server.ts'
import { systemClock } from '../src/lib/clock.ts'
import { jsonLogger } from '../src/lib/logger.ts'
import type { StoredEvent } from '../src/ports/event-log.ts'
import { LiveState } from '../src/serving/live-state.ts'
import { RecommendationService } from '../src/serving/recommendation-service.ts'
import { makeQuestions, makeShop, type ShopSize } from './load-shop.ts'
import { shopSystem } from './load-shop-system.ts'

const options = JSON.parse(process.argv[2]!) as ShopSize & {
  readonly seed: number
  readonly questionCount: number
  readonly questionsFile: string
}
const { plan, generators } = shopSystem
const shop = makeShop(options, options.seed)
writeFileSync(options.questionsFile, makeQuestions(options, options.questionCount, options.seed).join('\n'))
const live = new LiveState(plan)
const batch: StoredEvent[] = []
for (const event of shop.events()) {
  batch.push(event)
  if (batch.length === 5000) live.apply(batch.splice(0))
}
live.apply(batch)

const service = new RecommendationService({ plan, live, clock: systemClock, newRequestId: randomUUID })
const startedAtMs = performance.now()
const artifacts = await generators.cf!.train(shop.data, {
  seed: options.seed,
  threadCount: availableParallelism(),
  log: () => {},
})
const trainSeconds = (performance.now() - startedAtMs) / 1000
const cf = generators.cf!.open(artifacts, { itemCount: options.itemCount })
service.useModel({ version: 'made', itemIds: shop.data.itemIds, generators: new Map([['cf', cf]]) })

const intake = async () => ({ acceptedCount: 0, duplicatePositions: [], rejected: [] })
const server = createServer(
  {
    recommender: service,
    intake: { acceptEvents: intake, acceptEntityChanges: intake },
    keys: {
      add: async () => {},
      find: () => undefined,
      list: () => [],
      revoke: async () => false,
      close: async () => {},
    },
    clock: systemClock,
    log: jsonLogger({ clock: systemClock, write: (line) => process.stderr.write(line), level: 'warn' }),
    placements: plan.serving.placements,
    status: () => ({ lagEventCount: 0, lagMs: 0, obstacles: [] }),
    build: { version: 'bench', planHash: plan.hash },
  },
  { port: 0 },
)
const { port } = await server.listen()
console.log(JSON.stringify({ port, trainSeconds, residentMb: Math.round(process.memoryUsage().rss / 2 ** 20) }))
process.stdin.resume().on('end', () => process.exit(0))
