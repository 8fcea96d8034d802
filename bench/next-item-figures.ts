// The figures of a contest of generators about next items: two metrics with intervals, cost, and the lead's distance from each other.
import { bootstrapMean, comparePaired, meanOf } from '../src/lib/bootstrap.ts'
import { seededRng } from '../src/lib/rng.ts'
import type { GeneratorKind } from '../src/ports/candidate-generator.ts'
import type { Figure } from './figure.ts'
import { assessNextItem, type NextItemQuality, type NextItemTask, nextItemTask } from './next-item.ts'

export interface NextItemMetric {
  readonly name: string
  readonly of: (quality: NextItemQuality) => Float64Array
  /** 100 where the published tables give percent. */
  readonly scale: 1 | 100
  readonly bar?: number
  readonly goal?: number
}

export interface NextItemContest {
  readonly k: number
  /** The first is what the contest is decided by. */
  readonly metrics: readonly NextItemMetric[]
  readonly answerBarMs?: number
  /** What the names of the figures begin with, where a generator competes on several data sets. */
  readonly prefix: string
  readonly protocol: string
  readonly published: string
}

export interface Contestant {
  readonly name: string
  readonly kind: GeneratorKind
}

const BOOTSTRAP = { seed: 1, resampleCount: 1000 }

/** @param contestants the lead first: it is judged by the bars, and the others' distance from it is measured */
export async function contestNextItem(
  task: NextItemTask,
  contestants: readonly Contestant[],
  contest: NextItemContest,
  options: { readonly isJudged: boolean; readonly log: (line: string) => void },
): Promise<Figure[]> {
  const assessed: { readonly name: string; readonly quality: NextItemQuality }[] = []
  for (const { name, kind } of contestants) {
    assessed.push({ name: `${contest.prefix}${name}`, quality: await assessNextItem(kind, task, contest.k) })
    options.log(`${name}: ${task.questions.length} questions`)
  }
  const [lead, ...others] = assessed
  return [
    ...assessed.flatMap(({ name, quality }) =>
      figuresOf(name, quality, contest, options.isJudged && name === lead!.name),
    ),
    ...others.map((other) => differenceFigure(lead!, other, contest)),
  ]
}

function figuresOf(name: string, quality: NextItemQuality, contest: NextItemContest, isJudged: boolean): Figure[] {
  const { trainSeconds, answerMs, artifactBytes } = quality
  const { answerBarMs } = contest
  return [
    ...contest.metrics.map((metric) => metricFigure(name, quality, metric, contest, isJudged)),
    {
      name: `${name} answer`,
      value: answerMs.mean,
      unit: 'ms',
      ...(isJudged && answerBarMs !== undefined && { bar: `<= ${answerBarMs}`, ok: answerMs.mean <= answerBarMs }),
      note: `mean over all questions, one core; p99 ${answerMs.p99.toFixed(3)} ms; artifacts ${(artifactBytes / 2 ** 20).toFixed(1)} MiB`,
    },
    { name: `${name} training`, value: trainSeconds, unit: 's', note: 'one thread' },
  ]
}

function metricFigure(
  name: string,
  quality: NextItemQuality,
  metric: NextItemMetric,
  { k, protocol, published }: NextItemContest,
  isJudged: boolean,
): Figure {
  const scaled = metric.of(quality).map((value) => metric.scale * value)
  const value = meanOf(scaled)
  const { bar, goal } = metric
  return {
    name: `${name} ${metric.name}@${k}`,
    value,
    unit: metric.scale === 100 ? '%' : '',
    spread: bootstrapMean(scaled, BOOTSTRAP)!.interval,
    ...(isJudged && bar !== undefined && { bar: `>= ${bar}`, ok: value >= bar }),
    note: `${scaled.length} questions, ${protocol}; spread: 95 % bootstrap interval over questions${
      isJudged && goal !== undefined ? `; the goal of ${goal} is ${value >= goal ? 'met' : 'missed'}; ${published}` : ''
    }`,
  }
}

function differenceFigure(
  lead: { readonly name: string; readonly quality: NextItemQuality },
  other: { readonly name: string; readonly quality: NextItemQuality },
  { k, metrics }: NextItemContest,
): Figure {
  const { name, of, scale } = metrics[0]!
  const { mean, interval, pValue } = comparePaired(
    { challenger: [...of(lead.quality)], champion: [...of(other.quality)] },
    BOOTSTRAP,
  )!
  return {
    name: `${lead.name} - ${other.name}, ${name}@${k}`,
    value: scale * mean,
    unit: scale === 100 ? '%' : '',
    spread: [scale * interval[0], scale * interval[1]],
    note: `paired by question; spread: 95 % bootstrap interval; sign-flip p ${pValue.toFixed(4)}`,
  }
}

/** For a smoke run: walks around a ring of items, a few steps at a time; the last item of the newest walks is asked for. */
export function madeNextItemTask(options: Pick<NextItemTask, 'mayRepeat'>): NextItemTask {
  const rng = seededRng(1).fork('made walks')
  const itemCount = 200
  const walks = Array.from({ length: 600 }, () => {
    let item = rng.integer(itemCount)
    return Int32Array.from({ length: 2 + rng.integer(6) }, () => (item = (item + 1 + rng.integer(3)) % itemCount))
  })
  const questions = walks.slice(500).map((walk) => ({ prefix: walk.subarray(0, -1), nextItem: walk.at(-1)! }))
  return nextItemTask(walks.slice(0, 500), questions, options)
}
