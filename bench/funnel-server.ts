// The whole system over a made shop, as `millrace dev` runs it: log and features on disk, model and ranker from their bundle, HTTP. On request it says where its time
// goes: a line "profile" begins, a line "report" ends and prints.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { serve } from '../src/app/serve.ts'
import { trainModel } from '../src/app/train-model.ts'
import { readTrainingInput } from '../src/app/training-input.ts'
import { openApp } from '../src/app.ts'
import type { LogEvent } from '../src/domain/event.ts'
import type { RecommendRequest } from '../src/domain/recommendation.ts'
import { systemClock } from '../src/lib/clock.ts'
import { jsonLogger } from '../src/lib/logger.ts'
import { othersTurn } from '../src/lib/others-turn.ts'
import { type FunnelShape, funnelSystem } from './funnel-system.ts'
import { makeShop, type ShopSize } from './load-shop.ts'
import { StepProfile } from './step-profile.ts'

/** The shop's history is spread over so many days, up to now. */
const HISTORY_MS = 40 * 86_400_000

const options = JSON.parse(process.argv[2]!) as ShopSize &
  FunnelShape & { readonly seed: number; readonly dataDir: string }
const isNew = !existsSync(join(options.dataDir, 'models'))
const system = funnelSystem(options)
const app = await openApp({ system, dataDir: options.dataDir })
const logger = jsonLogger({ clock: systemClock, write: (line) => process.stderr.write(line), level: 'warn' })
if (isNew) await fill()
const running = await serve(app, { port: 0, logger })
await running.caughtUp()
await running.featuresCaughtUp()
console.log(JSON.stringify({ port: running.port, residentMb: Math.round(process.memoryUsage().rss / 2 ** 20) }))
const profile = new StepProfile()
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'profile') await profile.begin()
  if (line === 'report') console.log(JSON.stringify(await profile.end()))
  if (line.startsWith('replay ')) console.log(JSON.stringify(await replay(line.slice('replay '.length))))
}
await running.close()
await app.close()

/** Recorded questions from their text to the text of the answer, for as long: all that the server does but the sockets. No client takes part. */
async function replay(asked: string): Promise<{ readonly answerCount: number; readonly elapsedMs: number }> {
  const { bodiesFile, durationMs } = JSON.parse(asked) as { readonly bodiesFile: string; readonly durationMs: number }
  const bodies = readFileSync(bodiesFile, 'utf8').trimEnd().split('\n')
  const startMs = performance.now()
  let answerCount = 0
  let elapsedMs = 0
  for (; elapsedMs < durationMs; elapsedMs = performance.now() - startMs) {
    const request = JSON.parse(bodies[answerCount++ % bodies.length]!) as RecommendRequest
    const answer = JSON.stringify(await running.service.recommend(request))
    if (answer.length === 0) throw new Error('an empty answer')
    // Followers of the log and the collector get their turn, as they do between requests.
    if (answerCount % 16 === 0) await othersTurn()
  }
  return { answerCount, elapsedMs }
}

/** Events and a trained model. */
async function fill(): Promise<void> {
  const shop = makeShop(options, options.seed)
  const nowMs = Date.now()
  const eventCount = options.userCount * options.interactionsPerUser
  const batch: LogEvent[] = []
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await app.log.append(batch.splice(0))
  }
  // The shop goes user by user; in a history users come in any order.
  const stride = strideOf(eventCount)
  let n = 0
  for (const { event } of shop.events()) {
    const place = event.kind === 'entity' ? 0 : ((n++ * stride) % eventCount) / eventCount
    const eventTimeMs = Math.floor(nowMs - HISTORY_MS * (1 - place)) - 1000
    batch.push({ ...event, eventTimeMs, knownTimeMs: eventTimeMs })
    if (batch.length === 5000) await flush()
  }
  await flush()
  const log = (line: string): void => void process.stderr.write(`  ${line}\n`)
  await trainModel(app, await readTrainingInput(app), { log, override: 'a benchmark' })
}

/** A step that visits all of `count` places, far apart. */
function strideOf(count: number): number {
  const divides = (a: number, b: number): number => (b === 0 ? a : divides(b, a % b))
  let stride = Math.floor(count * 0.618)
  while (divides(stride, count) !== 1) stride++
  return stride
}
