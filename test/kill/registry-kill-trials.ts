// Goal: whenever processes are killed that train, promote, roll back and collect models, the registry is consistent: the log of moves gives the aliases, what was
// acknowledged is in it, and no alias names a bundle that is missing or half-written. Method: two processes change one registry at the same time, are killed with -9 at
// a random moment, and what lies in the folder is looked at; then two others go on from there.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openMetadataStore } from '../../src/adapters/embedded/metadata-store.ts'
import { isAlive } from '../../src/adapters/embedded/process-name.ts'
import { aliasesAfter } from '../../src/domain/model-aliases.ts'
import type { AliasMove } from '../../src/domain/registered-model.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { seededRng } from '../../src/lib/rng.ts'
import { checkBundle } from '../../src/models/bundle.ts'
import type { MetadataStore } from '../../src/ports/metadata-store.ts'
import { collectModels } from '../../src/training/collect-models.ts'
import { RegisteredModels } from '../../src/training/registered-models.ts'

export interface RegistryKillReport {
  /** What each killed process was doing. */
  readonly killedDuring: Readonly<Record<string, number>>
  readonly acknowledgedCount: number
  readonly moveCount: number
  /** Whole bundles without a registration, and unfinished ones, that kills left behind. */
  readonly leftoverCount: number
  readonly slowestRollbackMs: number
  /** Empty if all is well. */
  readonly problems: readonly string[]
}

const LONGEST_LIFE_MS = 250
const ALL_MOVES = 1_000_000
/** Acts that surely moved an alias; promoting what is in charge already does not. */
const CHANGE_ACKNOWLEDGED = /^done (train|rollback) /m

export async function runRegistryKillTrials(options: { killCount: number; seed: number }): Promise<RegistryKillReport> {
  const { killCount, seed } = options
  const folder = mkdtempSync(join(tmpdir(), 'millrace-registry-kill-'))
  const modelsDir = join(folder, 'models')
  const rng = seededRng(seed)
  const store = await openMetadataStore({ folder: join(folder, 'metadata') })
  const problems: string[] = []
  const killedDuring: Record<string, number> = {}
  const acknowledged = new Set<string>()
  let leftoverCount = 0
  let slowestRollbackMs = 0
  try {
    for (let kill = 0; kill < killCount; kill += 2) {
      const changers = [startChanger(folder, `a${kill}`), startChanger(folder, `b${kill}`)]
      await Promise.all(changers.map(({ firstAcknowledgement }) => firstAcknowledgement))
      await new Promise((resolve) => setTimeout(resolve, rng.next() * LONGEST_LIFE_MS))
      for (const { act, changes, rollbackMs } of await Promise.all(changers.map((changer) => changer.kill()))) {
        killedDuring[act] = (killedDuring[act] ?? 0) + 1
        for (const id of changes) acknowledged.add(id)
        slowestRollbackMs = Math.max(slowestRollbackMs, ...rollbackMs)
      }
      const found = await problemsOf(store, modelsDir, acknowledged)
      problems.push(...found.map((problem) => `seed ${seed}, kill ${kill}: ${problem}`))
      leftoverCount += await leftoversIn(store, modelsDir)
    }
    problems.push(...(await problemsAfterMending(store, modelsDir)))
    const moveCount = (await store.modelRegistry.audit({ limit: ALL_MOVES })).length
    return { killedDuring, acknowledgedCount: acknowledged.size, moveCount, leftoverCount, slowestRollbackMs, problems }
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function problemsOf(
  { modelRegistry }: MetadataStore,
  modelsDir: string,
  acknowledged: ReadonlySet<string>,
): Promise<string[]> {
  const problems: string[] = []
  const aliases = await modelRegistry.aliases()
  const moves = await modelRegistry.audit({ limit: ALL_MOVES })
  if (!isSame(aliasesAfter(moves), aliases)) {
    problems.push(`the log says ${JSON.stringify(aliasesAfter(moves))}, the aliases are ${JSON.stringify(aliases)}`)
  }
  problems.push(...breaksIn([...moves].reverse()))
  const noted = new Set(moves.map(({ decision }) => decision.why))
  for (const id of acknowledged) if (!noted.has(id)) problems.push(`${id} was acknowledged, and is not in the log`)

  const models = new Map((await modelRegistry.list()).map((model) => [model.version, model]))
  for (const [alias, version] of Object.entries(aliases)) {
    const status = models.get(version)?.status
    if (status !== 'registered') problems.push(`the ${alias} ${version} is ${status}`)
  }
  for (const { version, status } of models.values()) {
    if (status !== 'registered') continue
    await checkBundle(modelsDir, version).catch((error: Error) => problems.push(`${version}: ${error.message}`))
  }
  return problems
}

/** @param moves oldest first */
function breaksIn(moves: readonly AliasMove[]): string[] {
  const named = new Map<string, string | undefined>()
  return moves.flatMap(({ number, alias, from, to }, i) => {
    const isWhole = number === i + 1 && from === named.get(alias) && from !== to
    named.set(alias, to)
    return isWhole ? [] : [`move ${number} at place ${i + 1} of the log does not follow from those before it`]
  })
}

/** Folders that no registered model has. */
async function leftoversIn({ modelRegistry }: MetadataStore, modelsDir: string): Promise<number> {
  const models = await modelRegistry.list()
  const registered = new Set(models.flatMap(({ version, status }) => (status === 'registered' ? [version] : [])))
  return readdirSync(modelsDir).filter((entry) => !registered.has(entry)).length
}

/** One collection by a process that lives puts everything in order: each folder is a registered model, and each registered model has its folder. */
async function problemsAfterMending(store: MetadataStore, modelsDir: string): Promise<string[]> {
  const { modelRegistry: registry, modelUses: uses, gateReports: gates } = store
  const models = new RegisteredModels({ registry, uses, gates, modelsDir, clock: systemClock, isRunning: isAlive })
  await collectModels(models, { newestCount: 1, inChargeDays: 0 }, { isDryRun: false })
  const leftoverCount = await leftoversIn(store, modelsDir)
  const retired = (await registry.list()).filter(({ status }) => status === 'retired')
  return [
    ...(await problemsOf(store, modelsDir, new Set())),
    ...(leftoverCount === 0 ? [] : [`${leftoverCount} folders are left over after a collection`]),
    ...retired.map(({ version }) => `${version} is still being deleted after a collection`),
    ...(await uses.list()).map(({ version }) => `a dead process still holds ${version}`),
  ]
}

const isSame = (a: object, b: object): boolean => JSON.stringify(a, sortedKeys(a)) === JSON.stringify(b, sortedKeys(b))
const sortedKeys = (value: object): string[] => Object.keys(value).sort()

interface Killed {
  /** What it was doing. */
  readonly act: string
  /** Changes of aliases that it was told are made. */
  readonly changes: readonly string[]
  readonly rollbackMs: readonly number[]
}

function startChanger(folder: string, name: string) {
  const script = fileURLToPath(new URL('./registry-changer.ts', import.meta.url))
  const child = spawn(process.execPath, [script, folder, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  let isDoomed = false
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const firstAcknowledgement = new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      if (CHANGE_ACKNOWLEDGED.test(printed)) resolve()
    })
    child.on('exit', () => {
      if (!isDoomed) reject(new Error(`the changing process ${name} ended by itself`))
    })
  })
  return {
    firstAcknowledgement,
    /** Resolves when it is dead and everything it printed has been read. */
    async kill(): Promise<Killed> {
      if (child.exitCode !== null) throw new Error(`the changing process ${name} ended by itself`)
      isDoomed = true
      child.kill('SIGKILL')
      await closed
      const lines = printed
        .slice(0, printed.lastIndexOf('\n'))
        .split('\n')
        .map((line) => line.split(' '))
      const [state, act] = lines.at(-1)!
      const done = lines.filter(([word]) => word === 'done')
      return {
        act: state === 'begin' ? act! : 'nothing',
        changes: lines.filter((line) => CHANGE_ACKNOWLEDGED.test(line.join(' '))).map(([, , id]) => id!),
        rollbackMs: done.flatMap(([, what, , ms]) => (what === 'rollback' ? [Number(ms)] : [])),
      }
    },
  }
}
