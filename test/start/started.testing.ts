// A real `millrace start` over a made shop, for tests: processes, port and all.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTrainingInput } from 'millrace'
import { trainModel } from '../../src/app/train-model.ts'
import { openApp } from '../../src/app.ts'
import { repositoryRoot } from '../source-files.ts'

export const shopFolder = join(repositoryRoot, 'test', 'start', 'shop')
const ITEM_COUNT = 8
const DAY_MS = 86_400_000

export interface MadeShop {
  readonly dataDir: string
  /** The first recommends items whose ids begin with "a", the second those with "b"; the first is in charge. */
  readonly versions: readonly [string, string]
  remove(): void
}

/** Two models that have no item of their answers in common: the second is learned from what came two months, so sixty half-lives, later. */
export async function makeShop(): Promise<MadeShop> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-start-'))
  const app = await openApp({ systemFile: shopFolder, dataDir })
  try {
    const versions: string[] = []
    for (const [letter, ageDays] of [
      ['a', 61],
      ['b', 1],
    ] as const) {
      const eventTime = app.clock.now() - ageDays * DAY_MS
      const items = Array.from({ length: ITEM_COUNT }, (_, n) => `${letter}${n}`)
      const changes = items.map((entityId) => {
        const attributes = { category: letter }
        return { entity: 'item', entityId, change: 'put', attributes, eventTime } as const
      })
      const views = items.flatMap((itemId, n) =>
        Array.from({ length: 20 - n }, (_, user) => {
          return { id: `${itemId}-${user}`, interaction: 'view', userId: `${letter}u${user}`, itemId, eventTime }
        }),
      )
      await app.ingest.acceptEntityChanges(changes, { source: 'test', where: 'test' })
      await app.ingest.acceptEvents(views, { source: 'test', where: 'test' })
      const input = await readTrainingInput(app)
      versions.push((await trainModel(app, input, { log: () => {}, threadCount: 1, override: 'a test' })).version)
    }
    const [first, second] = versions as [string, string]
    await promote(dataDir, first)
    return { dataDir, versions: [first, second], remove: () => rmSync(dataDir, { recursive: true, force: true }) }
  } finally {
    await app.close()
  }
}

/** As "millrace promote" does. */
export async function promote(dataDir: string, ...versions: readonly string[]): Promise<void> {
  const app = await openApp({ systemFile: shopFolder, dataDir })
  try {
    for (const version of versions) {
      await (await app.models()).promote({
        version,
        decision: { by: 'test', command: 'test', why: 'a test', override: 'a test' },
      })
    }
  } finally {
    await app.close()
  }
}

export interface Started {
  readonly child: ChildProcess
  /** Of the address it answers on. */
  readonly url: string
  /** Entries of its log so far, those of all processes. */
  readonly log: readonly LogEntry[]
  /** Resolves with the first entry of this kind after the `skip` first ones. */
  logged(
    message: string,
    options?: { readonly where?: (entry: LogEntry) => boolean; readonly skip?: number },
  ): Promise<LogEntry>
  /** Numbers of the processes that run at present, by name. */
  pids(): Readonly<Record<string, number>>
  /** Resolves with the exit code, or the signal. */
  ended(): Promise<number | string>
  /** With SIGTERM. */
  stop(): Promise<number | string>
}

export interface LogEntry {
  readonly message: string
  readonly name?: string
  readonly process?: string
  readonly pid?: number
  readonly [field: string]: unknown
}

/** Starts it, and resolves when it answers; rejects with what it wrote where it ends before. */
export async function startShop({ dataDir }: Pick<MadeShop, 'dataDir'>, ...args: readonly string[]): Promise<Started> {
  const options = ['--system', shopFolder, '--data', dataDir, '--port', '0', '--drain', '0.3', ...args]
  const command = ['--min-semi-space-size=4', join(repositoryRoot, 'bin', 'millrace.js'), 'start', ...options]
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
  const log: LogEntry[] = []
  const listeners = new Set<() => void>()
  let written = ''
  let rest = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written += text
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.startsWith('{')) log.push(JSON.parse(line) as LogEntry)
    for (const listener of [...listeners]) listener()
  })
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code ?? -1))
  })
  const logged: Started['logged'] = async (message, { where = () => true, skip = 0 } = {}) => {
    for (;;) {
      const found = log.filter((entry) => entry.message === message && where(entry))[skip]
      if (found) return found
      await new Promise<void>((resolve, reject) => {
        listeners.add(resolve)
        // Nothing more will be told.
        void ended.then((how) => reject(new Error(`it ended with ${how} before it told "${message}":\n${written}`)))
      })
    }
  }
  const listening = logged('listening', { where: ({ workerCount }) => workerCount !== undefined })
  listening.catch(() => {})
  const first = await Promise.race([ended, listening])
  if (typeof first !== 'object') throw new Error(`it ended with ${first}:\n${written}`)
  const pids = () => {
    const current: Record<string, number> = {}
    for (const { message, name, pid } of log) if (message === 'process ready') current[name!] = pid!
    return current
  }
  return {
    child,
    url: first.url as string,
    log,
    logged,
    pids,
    ended: () => ended,
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}
