// Serving over HTTP on one core: fold-in of what the visitor just did, the index, a filter, the rules. Beside it, in alternating runs, the floor
// under any Node server: bare `node:http` with an answer as large.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, type Figure, median, spreadOf } from './figure.ts'
import { canPin, type LoadResult, runLoad, type ServerProcess, startServer } from './load.ts'
import type { ShopSize } from './load-shop.ts'

const SEED = 1
/** As the first line of bin/millrace.js starts it. */
const NODE_ARGS = ['--min-semi-space-size=32', '--max-semi-space-size=64']
const RATE_BAR = 3000
const LATENCY_BAR_MS = 10
/** The latency is measured at this share of the throughput that the server must reach. */
const LOAD_SHARE = 0.7

const bench: Bench = async ({ smoke, log }) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    const sizes: ShopSize[] = smoke
      ? [{ itemCount: 2000, userCount: 500, interactionsPerUser: 10 }]
      : [
          { itemCount: 100_000, userCount: 50_000, interactionsPerUser: 20 },
          { itemCount: 1_000_000, userCount: 100_000, interactionsPerUser: 20 },
        ]
    const figures: Figure[] = []
    for (const size of sizes) figures.push(...(await measure(size, { folder, smoke, log })))
    return figures
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
export default bench

interface Setting {
  readonly folder: string
  readonly smoke: boolean
  readonly log: (line: string) => void
}

async function measure(size: ShopSize, { folder, smoke, log }: Setting): Promise<Figure[]> {
  const bodiesFile = join(folder, `questions-${size.itemCount}.jsonl`)
  const label = size.itemCount.toLocaleString('en-US')
  log(`making a shop of ${label} items`)
  const server = await startServer(
    'load-shop-server.ts',
    {
      ...size,
      seed: SEED,
      questionCount: 2000,
      questionsFile: bodiesFile,
    },
    NODE_ARGS,
  )
  let bare: ServerProcess | undefined
  try {
    const times = smoke ? { warmupMs: 300, durationMs: 300 } : { warmupMs: 500, durationMs: 3000 }
    const ask = { port: server.port, path: '/v1/recommend', bodiesFile, seed: SEED, ...times }
    log(`warming up (${JSON.stringify(server.note)})`)
    const warm = await runLoad({ ...ask, connectionCount: 32, warmupMs: smoke ? 300 : 4000 })
    const answerBytes = Math.round(warm.answerBytesMean)
    bare = await startServer('load-bare-server.ts', { answerBytes }, NODE_ARGS)
    const floor = { ...ask, port: bare.port }

    const runCount = smoke ? 1 : 3
    const ours: { few: LoadResult[]; many: LoadResult[] } = { few: [], many: [] }
    const peers: { few: LoadResult[]; many: LoadResult[] } = { few: [], many: [] }
    for (let run = 0; run < runCount; run++) {
      log(`run ${run + 1} of ${runCount}`)
      ours.many.push(await runLoad({ ...ask, connectionCount: 32 }))
      peers.many.push(await runLoad({ ...floor, connectionCount: 32 }))
      ours.few.push(await runLoad({ ...ask, connectionCount: 2 }))
      peers.few.push(await runLoad({ ...floor, connectionCount: 2 }))
    }
    const isMain = size.itemCount <= 100_000
    const arrivalsPerSecond = LOAD_SHARE * (isMain ? RATE_BAR : Math.min(RATE_BAR, rateOf(ours.many)))
    const opens: LoadResult[] = []
    for (let run = 0; run < runCount; run++) {
      opens.push(await runLoad({ ...ask, connectionCount: 32, arrivalsPerSecond, seed: SEED + run }))
    }
    const place = canPin ? 'server and load each pinned to a core of its own' : 'not pinned: this system has no taskset'
    const note = `${label} items, 64 factors, 500 candidates, filter and rules, answers of ${answerBytes} bytes; ${place}`
    return [
      throughput(`serve-${size.itemCount}`, ours.many, peers.many, `32 connections, ${note}`, isMain),
      throughput(`serve-${size.itemCount}-2-connections`, ours.few, peers.few, `2 connections, ${note}`, false),
      latency(
        `serve-${size.itemCount}-latency-p99`,
        opens,
        `open loop, ${arrivalsPerSecond.toFixed(0)} requests/s, ${note}`,
      ),
      { name: `serve-${size.itemCount}-latency-p50`, value: median(opens.map((o) => o.latencyMsP50)), unit: 'ms' },
    ]
  } finally {
    await server.stop()
    await bare?.stop()
  }
}

const rateOf = (results: readonly LoadResult[]): number => median(results.map((result) => result.requestsPerSecond))

function throughput(
  name: string,
  ours: readonly LoadResult[],
  peers: readonly LoadResult[],
  note: string,
  hasBar: boolean,
): Figure {
  const value = rateOf(ours)
  const figure: Figure = {
    name,
    value,
    unit: 'requests/s',
    spread: spreadOf(ours.map((result) => result.requestsPerSecond)),
    peer: 'bare node:http',
    peerValue: rateOf(peers),
    ratio: median(ours.map((result, run) => result.requestsPerSecond / peers[run]!.requestsPerSecond)),
    note,
  }
  const failureCount = ours.reduce((sum, result) => sum + result.failureCount, 0)
  if (!hasBar) return failureCount === 0 ? figure : { ...figure, ok: false, bar: 'no failed answers' }
  return { ...figure, bar: `>= ${RATE_BAR}`, ok: value >= RATE_BAR && failureCount === 0 }
}

function latency(name: string, opens: readonly LoadResult[], note: string): Figure {
  const values = opens.map((result) => result.latencyMsP99)
  const value = median(values)
  const hasFailed = opens.some((result) => result.failureCount > 0)
  const bar = { bar: `< ${LATENCY_BAR_MS}`, ok: value < LATENCY_BAR_MS && !hasFailed }
  return { name, value, unit: 'ms', spread: spreadOf(values), note, ...bar }
}
