// Run as a process of its own: the whole system over a made shop, as "millrace dev" runs it. A line of its input is the fault from now on; it prints it when it is so.
// node fault-server.ts FOLDER
import { createInterface } from 'node:readline'
import { serve } from '../../src/app/serve.ts'
import { trainModel } from '../../src/app/train-model.ts'
import { readTrainingInput } from '../../src/app/training-input.ts'
import { type App, openApp } from '../../src/app.ts'
import { Ingest } from '../../src/data/ingest.ts'
import type { LogEvent } from '../../src/domain/event.ts'
import { MillraceError } from '../../src/lib/errors.ts'
import { seededRng } from '../../src/lib/rng.ts'
import { pause } from '../../src/lib/within.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import type { OnlineStore } from '../../src/ports/online-store.ts'
import {
  brandOf,
  faultSystem,
  type InnerFault,
  ITEM_COUNT,
  itemIdOf,
  stockOf,
  USER_COUNT,
  userIdOf,
} from './fault-system.ts'

const DAY_MS = 86_400_000
const SWAP_EVERY_MS = 40

let fault: InnerFault = 'none'
const clock = { now: () => Date.now() + (clockOffsets[fault] ?? 0) }
const clockOffsets: Partial<Record<InnerFault, number>> = {
  'the clock is a day ahead': DAY_MS,
  'the clock is a day behind': -DAY_MS,
}
const sound = await openApp({ system: faultSystem(() => fault), dataDir: process.argv[2]!, clock })
await fill()
const log = failingLog(sound.log)
const app: App = {
  ...sound,
  log,
  onlineStore: async () => failingStore(await sound.onlineStore()),
  ingest: new Ingest({ plan: sound.plan, log, quarantine: sound.quarantine, clock }),
}
const running = await serve(app, { port: 0 })
await running.caughtUp()
await running.featuresCaughtUp()
console.log(JSON.stringify({ port: running.port }))
let swapping: Promise<void> | undefined
for await (const line of createInterface({ input: process.stdin })) {
  fault = line as InnerFault
  await swapping
  if (fault === 'models are swapped') swapping = swapModels()
  console.log(JSON.stringify(fault))
}
await running.close()
await sound.close()

async function fill(): Promise<void> {
  const rng = seededRng('faults')
  const nowMs = Date.now()
  const events: LogEvent[] = []
  for (let n = 0; n < ITEM_COUNT; n++) {
    const eventTimeMs = nowMs - 40 * DAY_MS
    const attributes = { category: `c${n % 12}`, brand: brandOf(n), price: 1 + (n % 50), stock: stockOf(n) }
    const entity = { kind: 'entity', entity: 'item', entityId: itemIdOf(n), change: 'put', attributes } as const
    events.push({ ...entity, id: `e${n}`, eventTimeMs, knownTimeMs: eventTimeMs })
  }
  for (let n = 0; n < 20 * USER_COUNT; n++) {
    const eventTimeMs = nowMs - Math.floor(30 * DAY_MS * (1 - n / (20 * USER_COUNT))) - 1000
    const user = rng.integer(USER_COUNT)
    events.push({
      kind: 'interaction',
      id: `v${n}`,
      interaction: n % 10 === 0 ? 'purchase' : 'view',
      userId: userIdOf(user),
      itemId: itemIdOf(((user % 12) + 12 * Math.floor((ITEM_COUNT / 12) * rng.next() ** 2)) % ITEM_COUNT),
      eventTimeMs,
      knownTimeMs: eventTimeMs,
    })
  }
  await sound.log.append(events)
  // Two versions of the same, for swaps.
  for (let n = 0; n < 2; n++) {
    await trainModel(sound, await readTrainingInput(sound), { threadCount: 1, log: () => {}, override: 'a trial' })
    await pause(1100)
  }
}

/** One version takes the other's place, again and again, as promotions and roll-backs do. */
async function swapModels(): Promise<void> {
  const models = await sound.models()
  for (let _n = 0; fault === 'models are swapped'; _n++) {
    const { champion, previous } = await models.aliases()
    const decision = { by: 'test', command: 'test', why: 'a trial of swaps', override: 'a trial' }
    if (champion !== undefined && previous !== undefined) await models.promote({ version: previous, decision })
    await pause(SWAP_EVERY_MS)
  }
}

function failingLog(inner: EventLog): EventLog {
  return {
    async append(events) {
      if (fault === 'the log has no room') throw new MillraceError('EVENT_LOG_FULL', 'There is no room for the log.')
      return inner.append(events)
    },
    read: (...asked) => inner.read(...asked),
    bounds: () => inner.bounds(),
    waitFor: (...asked) => inner.waitFor(...asked),
    committedOffset: (consumer) => inner.committedOffset(consumer),
    commitOffset: (...asked) => inner.commitOffset(...asked),
    trim: (retention) => inner.trim(retention),
    close: () => inner.close(),
  }
}

function failingStore(inner: OnlineStore): OnlineStore {
  const fail = async (): Promise<void> => {
    if (fault === 'the store answers slowly') await pause(500)
    if (fault === 'the store fails') throw new Error('the store is away')
  }
  return {
    async read(requests) {
      await fail()
      const read = await inner.read(requests)
      if (fault !== 'the store answers garbage') return read
      return read.map((records) => records.map((record) => record?.map((byte, n) => byte ^ (n * 37 + 11))))
    },
    async changesSince(since) {
      await fail()
      // Whoever keeps something is told to read it anew, so that the garbage is met.
      if (fault === 'the store answers garbage') return { mark: {}, changed: undefined }
      return inner.changesSince(since)
    },
    claim: () => inner.claim(),
    isClaimed: () => inner.isClaimed(),
    close: () => inner.close(),
  }
}
