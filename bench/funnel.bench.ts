// The whole funnel over HTTP on one core: user, candidates of three generators, twenty features, a hundred trees, rules. Then the steps of a request beside the
// budget of the design, and what a second core brings.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, type Figure, median, spreadOf } from './figure.ts'
import type { FunnelShape } from './funnel-system.ts'
import { canPin, type LoadResult, runLoad, type ServerProcess, startServer } from './load.ts'
import { makeQuestions, type ShopSize } from './load-shop.ts'
import type { StepShares } from './step-profile.ts'

const SEED = 1
/** As the first line of bin/millrace.js starts it. */
const NODE_ARGS = ['--min-semi-space-size=32', '--max-semi-space-size=64']
const RATE_BAR = 2500
/** Enough to keep a core busy. So many that each waits for long would have the server shed load. */
const CLOSED_CONNECTIONS = 8
const WARMUP_MS = 20_000
const P50_BAR_MS = 2
const P99_BAR_MS = 10
const LOAD_SHARE = 0.7
const FEATURES_BAR_SECONDS = 0.005
const RANKING_BAR_SECONDS = 0.025
const SCALING_BAR = 1.9
const WHOLE_RATE = 50_000

/** Of the design, in microseconds; steps of the profile that have none are told without. */
const budgets: Readonly<Record<string, number>> = {
  'HTTP and the rest': 60,
  user: 15,
  candidates: 140,
  features: 40,
  ranking: 100,
  rules: 20,
  out: 15,
}

const bench: Bench = async ({ smoke, log }) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const size: ShopSize = smoke
    ? { itemCount: 1000, userCount: 400, interactionsPerUser: 20 }
    : { itemCount: 100_000, userCount: 50_000, interactionsPerUser: 20 }
  const shape: FunnelShape = { candidateCount: smoke ? 60 : 500, leaves: 8 }
  const options = { ...size, ...shape, seed: SEED, dataDir: join(folder, 'data') }
  const bodiesFile = join(folder, 'questions.jsonl')
  writeFileSync(bodiesFile, makeQuestions(size, 2000, SEED).join('\n'))
  let first: ServerProcess | undefined
  let second: ServerProcess | undefined
  try {
    log(`making a shop of ${size.itemCount} items and training on it`)
    const maker = await startServer('funnel-server.ts', options, NODE_ARGS)
    await maker.stop()
    // The heap of a process that has trained is not that of a server.
    first = await startServer('funnel-server.ts', options, NODE_ARGS)
    const place = canPin ? 'server and load each pinned to a core of its own' : 'not pinned: this system has no taskset'
    const note = `${size.itemCount.toLocaleString('en-US')} items, ${shape.candidateCount} candidates of 3 generators, 20 features, 100 trees of ${shape.leaves} leaves, filter and rules; ${place}`
    const figures = await overHttp(first, { bodiesFile, smoke, log, note })
    log('the same recorded questions without a client, on one core and on two')
    second = await startServer('funnel-server.ts', options, NODE_ARGS, 1)
    figures.push(...(await scaling(first, second, { bodiesFile, smoke })))
    return figures
  } finally {
    await second?.stop()
    await first?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
export default bench

interface Setting {
  readonly bodiesFile: string
  readonly smoke: boolean
}

async function overHttp(
  server: ServerProcess,
  { bodiesFile, smoke, log, note }: Setting & { readonly log: (line: string) => void; readonly note: string },
): Promise<Figure[]> {
  const times = smoke ? { warmupMs: 200, durationMs: 300 } : { warmupMs: 500, durationMs: 4000 }
  const ask = { port: server.port, path: '/v1/recommend', bodiesFile, seed: SEED, ...times }
  // What a server keeps doing is what counts: the compiler was seen at work on it after twelve thousand answers.
  await runLoad({ ...ask, connectionCount: CLOSED_CONNECTIONS, warmupMs: smoke ? 200 : WARMUP_MS })
  const runCount = smoke ? 1 : 3
  const closed: LoadResult[] = []
  const open: LoadResult[] = []
  for (let run = 0; run < runCount; run++) {
    log(`as many as it can, run ${run + 1} of ${runCount}`)
    closed.push(await runLoad({ ...ask, connectionCount: CLOSED_CONNECTIONS }))
  }
  const rates = closed.map(({ requestsPerSecond }) => requestsPerSecond)
  const rate = median(rates)
  // A load that is more than a machine can do would only say how long a queue grows.
  const arrivalsPerSecond = LOAD_SHARE * Math.min(RATE_BAR, rate)
  for (let run = 0; run < runCount; run++) {
    log(`${arrivalsPerSecond.toFixed(0)} requests/s, run ${run + 1} of ${runCount}`)
    open.push(await runLoad({ ...ask, connectionCount: 32, arrivalsPerSecond, seed: SEED + run }))
  }
  const failureCount = [...closed, ...open].reduce((sum, { failureCount: failed }) => sum + failed, 0)
  server.say('profile')
  const profiled = await runLoad({ ...ask, connectionCount: CLOSED_CONNECTIONS, warmupMs: 0 })
  const { shares, processorMs } = (await server.ask('report')) as StepShares
  const micros = (processorMs * 1000) / profiled.answerCount
  const steps = Object.entries(shares).map(([step, share]) => {
    const budget = budgets[step]
    return `${step} ${(share * micros).toFixed(0)}${budget === undefined ? '' : ` (budget ${budget})`}`
  })
  const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()
  const lesserCount = lesserAnswers(metrics)
  const bars = { p50: `<= ${P50_BAR_MS}`, p99: `<= ${P99_BAR_MS}` }
  const latency = (of: (result: LoadResult) => number): Pick<Figure, 'value' | 'unit' | 'spread'> => ({
    value: median(open.map(of)),
    unit: 'ms',
    spread: spreadOf(open.map(of)),
  })
  const p50 = latency(({ latencyMsP50 }) => latencyMsP50)
  const p99 = latency(({ latencyMsP99 }) => latencyMsP99)
  const isBarLoad = rate >= RATE_BAR
  const load = `open loop, ${arrivalsPerSecond.toFixed(0)} requests/s: ${LOAD_SHARE} of ${isBarLoad ? 'the bar' : 'what it can do, which is below the bar'}`
  return [
    {
      name: 'funnel-throughput',
      value: rate,
      unit: 'requests/s',
      spread: spreadOf(rates),
      bar: `>= ${RATE_BAR}, no failed answer, all of them whole`,
      ok: rate >= RATE_BAR && failureCount === 0 && lesserCount === 0,
      note: `${CLOSED_CONNECTIONS} connections, ${note}; ${failureCount} failed, ${lesserCount} on a lower rung`,
    },
    { name: 'funnel-latency-p50', ...p50, bar: bars.p50, ok: isBarLoad && p50.value <= P50_BAR_MS, note: load },
    { name: 'funnel-latency-p99', ...p99, bar: bars.p99, ok: isBarLoad && p99.value <= P99_BAR_MS, note: load },
    {
      name: 'funnel-processor-time',
      value: micros,
      unit: 'us/request',
      note: `all threads, while being sampled; of it, in microseconds: ${steps.join(', ')}`,
    },
    stepFigure(metrics, 'features', FEATURES_BAR_SECONDS),
    stepFigure(metrics, 'ranking', RANKING_BAR_SECONDS),
  ]
}

/** Answers that stand on a lower rung than the whole funnel's. */
const lesserAnswers = (metrics: string): number =>
  metrics
    .split('\n')
    .filter((line) => line.startsWith('millrace_answers_total{') && !line.includes('rung="full"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)

/** The share of answers in which the step was within its bound, of all that were asked for at full load. */
function stepFigure(metrics: string, step: string, barSeconds: number): Figure {
  const countOf = (sample: string): number =>
    metrics
      .split('\n')
      .filter((line) => line.startsWith(`millrace_answer_step_seconds_${sample}`) && line.includes(`step="${step}"`))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  const within = countOf(`bucket{le="${barSeconds}"`) / countOf('count{')
  return {
    name: `funnel-${step}-within-${barSeconds * 1000}-ms`,
    value: within,
    unit: 'share of answers',
    bar: '>= 0.99',
    ok: within >= 0.99,
    note: "inside the request, waiting included but for that for the candidates of requests that came at the same time, by the server's own histogram over all runs",
  }
}

/** The same questions, answered by one process on a core of its own, then by two at once on both. */
async function scaling(first: ServerProcess, second: ServerProcess, { bodiesFile, smoke }: Setting): Promise<Figure[]> {
  // Many short runs: beside other guests of the machine a pair of runs differs by a tenth from the next one, and the bar by less than that from the goal of two.
  const runCount = smoke ? 1 : 15
  const rateOf = async (server: ServerProcess, durationMs = smoke ? 200 : 1500): Promise<number> => {
    const command = `replay ${JSON.stringify({ bodiesFile, durationMs })}`
    const { answerCount, elapsedMs } = (await server.ask(command)) as { answerCount: number; elapsedMs: number }
    return (answerCount * 1000) / elapsedMs
  }
  // It compiles.
  await rateOf(second, smoke ? 200 : 6000)
  const alone: number[] = []
  const together: number[] = []
  for (let run = 0; run < runCount; run++) {
    // The two cores are not equally fast, and each process is on its own: half of both alone is what one of both together is held against.
    const ofFirst = await rateOf(first)
    const [a, b] = await Promise.all([rateOf(first), rateOf(second)])
    const ofSecond = await rateOf(second)
    alone.push((ofFirst + ofSecond) / 2)
    together.push(a + b)
  }
  const ratio = median(together.map((rate, run) => rate / alone[run]!))
  return [
    {
      name: 'funnel-two-processes',
      value: median(together),
      unit: 'answers/s',
      spread: spreadOf(together),
      peer: 'one process',
      peerValue: median(alone),
      ratio,
      bar: `ratio >= ${SCALING_BAR}`,
      ok: ratio >= SCALING_BAR,
      note:
        'recorded questions replayed inside the processes, from the text of the request to that of the answer, without sockets and client; ' +
        `${WHOLE_RATE.toLocaleString('en-US')} answers/s would take ${Math.ceil(WHOLE_RATE / median(alone))} such cores, if cores do not slow each other down more than these two and sockets cost what the profile says`,
    },
  ]
}
