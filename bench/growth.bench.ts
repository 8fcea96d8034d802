// What answers cost as the shop grows: one count at a time around a base. Each point is a process of its own that takes a made shop in and answers in-process, from a bundle and a
// feature store on disk. Writes docs/growth.md and its drawing.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, type Figure, machineName } from './figure.ts'
import { type GrowthAxis, growthDrawing, growthTable, loadSecondsOf, type MeasuredPoint } from './growth-plot.ts'
import type { GrowthAnswer, GrowthTask } from './growth-point.ts'
import type { GrowthPoint } from './growth-shop.ts'

const SEED = 1
/** As the first line of bin/millrace.js starts it. */
const NODE_ARGS = ['--min-semi-space-size=32', '--max-semi-space-size=64', '--max-old-space-size=9000']
const INTERACTIONS_PER_USER = 20
const DOCS_DIR = join(import.meta.dirname, '..', 'docs')

const bench: Bench = async ({ smoke, log }) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    const axes = await (smoke ? smokeAxes() : wholeAxes())(new Measuring(folder, smoke, log))
    if (!smoke) writeDocs(axes)
    return figuresOf(axes)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
export default bench

type Axes = (measuring: Measuring) => Promise<readonly GrowthAxis[]>

const shop = (itemCount: number, candidateCount: number, userCount: number): GrowthPoint => ({
  itemCount,
  candidateCount,
  userCount,
  interactionsPerUser: INTERACTIONS_PER_USER,
})

const smokeAxes = (): Axes => async (measuring) => {
  const base = await measuring.measure(shop(1300, 60, 2000))
  return [{ name: 'items', count: ({ itemCount }) => itemCount, points: [base] }]
}

const wholeAxes = (): Axes => async (measuring) => {
  const at = (...counts: Parameters<typeof shop>): Promise<MeasuredPoint> => measuring.measure(shop(...counts))
  const base = await at(100_000, 500, 100_000)
  const candidates = [await at(100_000, 100, 100_000), base, await at(100_000, 2000, 100_000)]
  const users = [base, await at(100_000, 500, 1_000_000), await at(100_000, 500, 5_000_000)]
  const items = [await at(10_000, 500, 100_000), base, await at(1_000_000, 500, 100_000)]
  return [
    { name: 'items', count: ({ itemCount }) => itemCount, points: items },
    { name: 'candidates', count: ({ candidateCount }) => candidateCount, points: candidates },
    { name: 'users', count: ({ userCount }) => userCount, points: users },
  ]
}

/** Points, one after another. What is made for a number of items serves all points that have as many. */
class Measuring {
  readonly #folder: string
  readonly #smoke: boolean
  readonly #log: (line: string) => void
  readonly #madeByItemCount = new Map<number, Promise<{ readonly dataDir: string; readonly version: string }>>()

  constructor(folder: string, smoke: boolean, log: (line: string) => void) {
    this.#folder = folder
    this.#smoke = smoke
    this.#log = log
  }

  async measure(point: GrowthPoint): Promise<MeasuredPoint> {
    try {
      const { dataDir, version } = await this.#made(point.itemCount)
      this.#log(`${point.itemCount} items, ${point.candidateCount} candidates, ${point.userCount} users`)
      const times = this.#smoke
        ? { warmUpMs: 50, roundCount: 1, perRound: 50 }
        : { warmUpMs: 2000, roundCount: 5, perRound: 1000 }
      const task: GrowthTask = { point, dataDir, version, seed: SEED, ...times }
      return { point, answer: (await saidBy('growth-server.ts', task)) as GrowthAnswer }
    } catch (error) {
      if (this.#smoke) throw error
      return { point, answer: { problem: (error as Error).message } }
    }
  }

  #made(itemCount: number): Promise<{ readonly dataDir: string; readonly version: string }> {
    const known = this.#madeByItemCount.get(itemCount) ?? this.#make(itemCount)
    this.#madeByItemCount.set(itemCount, known)
    return known
  }

  async #make(itemCount: number): Promise<{ readonly dataDir: string; readonly version: string }> {
    this.#log(`making a feature store and a model of ${itemCount} items`)
    const dataDir = join(this.#folder, String(itemCount))
    const userCounts = this.#smoke ? [2000] : [100_000, 1_000_000, 5_000_000]
    const candidateCount = this.#smoke ? 60 : 500
    const sizes = { dataDir, itemCount, userCounts, interactionsPerUser: INTERACTIONS_PER_USER, candidateCount }
    const { version } = (await saidBy('growth-trainer.ts', { ...sizes, seed: SEED })) as { version: string }
    return { dataDir, version }
  }
}

/** The last line that a program of this folder prints. */
async function saidBy(script: string, task: object): Promise<unknown> {
  const args = [...NODE_ARGS, join(import.meta.dirname, script), JSON.stringify(task)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  let complaint = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-2000)))
  const code = await new Promise<number | string | null>((resolve) =>
    child.once('close', (ended, signal) => resolve(ended ?? signal)),
  )
  if (code === 0) return JSON.parse(said.trimEnd().split('\n').at(-1)!)
  const reason = complaint.split('\n').findLast((line) => /error|fatal/i.test(line)) ?? complaint
  throw new Error(`${script} ended with ${code}: ${reason.trim()}`)
}

function figuresOf(axes: readonly GrowthAxis[]): Figure[] {
  const points = [...new Set(axes.flatMap(({ points: ofAxis }) => ofAxis))]
  return points.flatMap(({ point, answer }): Figure[] => {
    const { itemCount, candidateCount, userCount } = point
    const place = `${itemCount} items, ${candidateCount} candidates, ${userCount} users`
    if ('problem' in answer) {
      return [{ name: `growth, not measured: ${place}`, value: 0, unit: 'points', note: answer.problem }]
    }
    const { memoryMb, loadSeconds } = answer
    const parts = Object.entries(memoryMb).map(([part, mb]) => `${part} ${mb.toFixed(0)}`)
    const steps = Object.entries(answer.stepMs).map(([step, ms]) => `${step} ${ms.toFixed(3)}`)
    const seconds = Object.entries(loadSeconds).map(([part, value]) => `${part} ${value.toFixed(1)}`)
    return [
      { name: `growth-p50, ${place}`, value: answer.p50Ms, unit: 'ms', note: steps.join(', ') },
      { name: `growth-p99, ${place}`, value: answer.p99Ms, unit: 'ms', spread: answer.p99SpreadMs },
      {
        name: `growth-requests, ${place}`,
        value: answer.requestsPerSecond,
        unit: 'requests/s',
        spread: answer.requestsPerSecondSpread,
        note: 'of one core, by the processor time of all threads, from the text of the request to that of the answer, without sockets',
      },
      { name: `growth-memory, ${place}`, value: memoryMb.whole, unit: 'MB', note: parts.join(', ') },
      { name: `growth-load, ${place}`, value: loadSecondsOf(loadSeconds), unit: 's', note: seconds.join(', ') },
    ]
  })
}

function writeDocs(axes: readonly GrowthAxis[]): void {
  mkdirSync(join(DOCS_DIR, 'figures'), { recursive: true })
  writeFileSync(join(DOCS_DIR, 'figures', 'growth.svg'), growthDrawing(axes))
  writeFileSync(
    join(DOCS_DIR, 'growth.md'),
    `# Cost against growth

Written by \`npm run bench -- growth\` on ${machineName()}. One count varies at a time around 100,000 items, 500 candidates and 100,000 users.

![Latency, memory and load time against items, candidates and users](figures/growth.svg)

${growthTable(axes)}

Each point is a process of its own that serves the system of the funnel's benchmark: three generators (64 factors, 300 neighbours an item, popularity), 22 features, 100 trees of 8 leaves, a filter
and rules; ${INTERACTIONS_PER_USER} interactions a user. The shop and the arrays of the model are made, not learned, in the size and the shape that learning gives, so that this says what answers cost and
nothing of how good they are. Requests are asked one after another in the process, from the text of the request to that of the answer; sockets are not in it, nor are requests that wait for each other.

- *Latency* is the median of five rounds' p50 and p99, of 1,000 requests each. *Requests/s of a core* is by the processor time of all threads of the process.
- *Memory* is private memory after a collection, in MB of 2^20 bytes. Feature columns reuse what loading the model let go of, so their part may read less than they take. Stores on disk are not in it:
  their pages are the system's to take back.
- *Load* is taking the log in (its events applied to the live state, and their reading from disk, worked out from 200,000 of them), opening the bundle and aligning it, and filling the feature columns.
- Only the 2,000 users that are asked about have features in the store.
`,
  )
}
