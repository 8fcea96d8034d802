// Where the time of requests goes, step by step, by sampling the stack: nothing is added to what is measured.
import { type Profiler, Session } from 'node:inspector/promises'

/** Of samples in which the processor was busy, the share of each step. */
export interface StepShares {
  readonly shares: Readonly<Record<string, number>>
  /** Busy part of the time that was sampled, in [0, 1]. */
  readonly busyShare: number
  /** Processor time of all threads of the process. */
  readonly processorMs: number
}

/** Which step a stack belongs to: the innermost function that is named here decides. By file and function. */
const steps: readonly (readonly [step: string, file: string, functionName: RegExp])[] = [
  ['user', '/serving/visitor.', /./],
  ['candidates', '/models/ranking/candidate-pool.', /./],
  ['candidates', '/serving/candidate-ranking.', /^(gather|takeBetter|copyChosen)$/],
  ['features', '/data/feature-columns.', /./],
  ['ranking', '/models/boosted-trees/', /^score/],
  ['ranking', '/lib/descending-order.', /./],
  ['ranking', '/serving/candidate-ranking.', /./],
  ['filters', '/serving/item-bitmap', /./],
  ['rules', '/serving/funnel.', /fill/i],
  ['rules', '/serving/rules/', /./],
  ['rules', '/serving/answer.', /./],
  ['out', '/serving/recommendation-service.', /(response|items|servedRows)$/],
  ['out', '/data/impression-recorder.', /./],
  ['out', '/data/answer-recorder.', /./],
  ['out', '/app/record-', /./],
]
/** Of what no step is named for. */
const rest: readonly (readonly [step: string, file: string])[] = [['funnel, the rest', '/serving/']]

export class StepProfile {
  readonly #session = new Session()
  #startedAt = process.cpuUsage()

  async begin(): Promise<void> {
    this.#session.connect()
    await this.#session.post('Profiler.enable')
    await this.#session.post('Profiler.setSamplingInterval', { interval: 200 })
    await this.#session.post('Profiler.start')
    this.#startedAt = process.cpuUsage()
  }

  async end(): Promise<StepShares> {
    const { user, system } = process.cpuUsage(this.#startedAt)
    const { profile } = await this.#session.post('Profiler.stop')
    this.#session.disconnect()
    return { ...sharesOf(profile), processorMs: (user + system) / 1000 }
  }
}

function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Omit<StepShares, 'processorMs'> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map<number, number>()
  for (const { id, children } of nodes) for (const child of children ?? []) parents.set(child, id)
  const steppedById = new Map<number, string | undefined>()
  const stepOf = (id: number): string | undefined => {
    if (steppedById.has(id)) return steppedById.get(id)
    const parent = parents.get(id)
    const inherited = parent === undefined ? undefined : stepOf(parent)
    const { url } = byId.get(id)!.callFrame
    const step = ownStep(byId.get(id)!) ?? inherited ?? rest.find(([, file]) => url.includes(file))?.[0]
    steppedById.set(id, step)
    return step
  }
  const micros = new Map<string, number>()
  let idle = 0
  let all = 0
  samples.forEach((id, n) => {
    const delta = timeDeltas[n] ?? 0
    all += delta
    const { functionName } = byId.get(id)!.callFrame
    if (functionName === '(idle)') {
      idle += delta
      return
    }
    const step = functionName === '(garbage collector)' ? 'garbage collection' : (stepOf(id) ?? 'HTTP and the rest')
    micros.set(step, (micros.get(step) ?? 0) + delta)
  })
  const busy = all - idle
  const ordered = [...micros].sort(([, a], [, b]) => b - a)
  return { shares: Object.fromEntries(ordered.map(([step, spent]) => [step, spent / busy])), busyShare: busy / all }
}

function ownStep({ callFrame: { functionName, url } }: Profiler.ProfileNode): string | undefined {
  return steps.find(([, file, name]) => url.includes(file) && name.test(functionName))?.[0]
}
