// What answers cost as the shop grows: one count at a time around a base. Each point is a process of its own that takes a made shop in and answers in-process, from a bundle and a
// feature store on disk. Writes docs/growth.md and its drawing.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench } from './figure.ts'
import { growthFigures, writeGrowthDocs } from './growth-docs.ts'
import type { MeasuredPoint } from './growth-plot.ts'
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
    const measuring = new Measuring(folder, smoke, log)
    const points: MeasuredPoint[] = []
    for (const point of smoke ? [shop(1300, 60, 2000)] : wholePoints) points.push(await measuring.measure(point))
    if (!smoke) writeGrowthDocs(points, DOCS_DIR)
    return growthFigures(points)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
export default bench

const shop = (itemCount: number, candidateCount: number, userCount: number): GrowthPoint => ({
  itemCount,
  candidateCount,
  userCount,
  interactionsPerUser: INTERACTIONS_PER_USER,
})

/** The base, then one count at a time, those that take long last. */
const wholePoints = [
  shop(100_000, 500, 100_000),
  shop(100_000, 100, 100_000),
  shop(100_000, 2000, 100_000),
  shop(10_000, 500, 100_000),
  shop(1_000_000, 500, 100_000),
  shop(100_000, 500, 1_000_000),
  shop(100_000, 500, 5_000_000),
]

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
