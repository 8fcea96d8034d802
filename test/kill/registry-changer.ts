// Run as a process of its own, to be killed: trains, promotes, rolls back, loads and collects models without end. It says what it begins and what was acknowledged.
// node registry-changer.ts FOLDER NAME
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { openMetadataStore } from '../../src/adapters/embedded/metadata-store.ts'
import { isAlive, thisProcess } from '../../src/adapters/embedded/process-name.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { MillraceError } from '../../src/lib/errors.ts'
import { seededRng } from '../../src/lib/rng.ts'
import { type BundleContent, checkBundle } from '../../src/models/bundle.ts'
import { collectModels } from '../../src/training/collect-models.ts'
import { RegisteredModels } from '../../src/training/registered-models.ts'

const [folder, name] = process.argv.slice(2) as [string, string]
const modelsDir = join(folder, 'models')
const {
  modelRegistry: registry,
  modelUses: uses,
  gateReports: gates,
} = await openMetadataStore({ folder: join(folder, 'metadata') })
const models = new RegisteredModels({ registry, uses, gates, modelsDir, clock: systemClock, isRunning: isAlive })
const rng = seededRng(name)
const user = { id: name, ...thisProcess() }

/** Large enough that writing takes a while. */
const ARRAY_LENGTH = 20_000

const content = (): BundleContent => ({
  lineage: {
    planHash: name,
    commit: undefined,
    millraceVersion: '0.1.0',
    seed: rng.integer(2 ** 31),
    nextOffset: 0,
    interactionCount: 0,
    trainedAtMs: systemClock.now(),
    asOfMs: 0,
  },
  userCount: 1,
  itemIds: ['a', 'b'],
  metrics: [],
  generators: Object.fromEntries(
    ['one', 'two', 'three'].map((generator) => [
      generator,
      { kind: 'none', options: {}, artifacts: { scores: new Float32Array(ARRAY_LENGTH).fill(rng.next()) } },
    ]),
  ),
})

/** What was in charge already, or nothing: there is no move for the log. */
const unchanged = Symbol('unchanged')

const promote = async (version: string, id: string): Promise<unknown> => {
  const decision = { by: name, command: 'promote', why: id, override: 'a test' }
  const { before, after } = await models.promote({ version, decision })
  return before.champion === after.champion ? unchanged : undefined
}

/** @param id of the one change, for the log */
const acts: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
  train: async (id) => {
    const { version } = await models.add(content())
    return promote(version, id)
  },
  promote: async (id) => {
    const registered = (await registry.list()).filter(({ status }) => status === 'registered')
    return registered.length > 0 ? promote(registered[rng.integer(registered.length)]!.version, id) : unchanged
  },
  rollback: (id) => models.rollBack({ decision: { by: name, command: 'rollback', why: id } }),
  // As a server does: what it was given leave to load must be whole, and stay so while it holds it.
  load: async () => {
    const { champion } = await models.aliases()
    if (champion === undefined) return
    await uses.declare(user, [champion])
    await checkBundle(modelsDir, champion).catch((error: unknown) => {
      throw new Error(`a model in use is not whole: ${error}`)
    })
  },
  collect: () => collectModels(models, { newestCount: 2, inChargeDays: 0 }, { isDryRun: false }),
}

/** What another process may have done at the same time. */
const isRefusal = (error: unknown): boolean =>
  error instanceof MillraceError && /^(MODEL_|BUNDLE_|METADATA_UNAVAILABLE)/.test(error.code)

/** Those that take longest are not the most frequent ones, so that each is often the one that a kill meets. */
const order = ['train', 'promote', 'promote', 'rollback', 'rollback', 'rollback', 'load', 'collect']

for (let n = 0; ; n++) {
  const act = order[rng.integer(order.length)]!
  const id = `${name}-${n}`
  writeSync(1, `begin ${act} ${id}\n`)
  const startMs = performance.now()
  let outcome = 'done'
  try {
    if ((await acts[act]!(id)) === unchanged) outcome = 'unchanged'
  } catch (error) {
    if (!isRefusal(error)) {
      console.error(error)
      process.exit(1)
    }
    outcome = 'refused'
  }
  // Written at once: a line that the parent reads was acknowledged, whatever happens to this process a moment later.
  writeSync(1, `${outcome} ${act} ${id} ${Math.round(performance.now() - startMs)}\n`)
}
