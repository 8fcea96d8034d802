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

/** Which step a stack belongs to: the outermost function that is named here decides. Function names are unique enough, with their file. */
const steps: readonly (readonly [step: string, file: string, functionName: RegExp])[] = [
  ['user', '/serving/visitor.', /^read$/],
  ['candidates', '/models/ranking/candidate-pool.', /^gather$/],
  ['candidates', '/serving/candidate-ranking.', /^gather$/],
  ['features', '/serving/candidate-ranking.', /rowsOf$/],
  ['features', '/data/feature-columns.', /./],
  ['features', '/adapters/embedded/online-store.', /./],
  ['ranking', '/models/', /^score$/],
  ['ranking', '/serving/candidate-ranking.', /./],
  ['ranking', '/lib/best-first.', /./],
  ['filters', '/serving/item-bitmaps.', /./],
  ['rules', '/serving/funnel.', /fill$/],
  ['out', '/serving/recommendation-service.', /response$/],
  ['out', '/data/impression-recorder.', /./],
  ['funnel, the rest', '/serving/', /./],
]

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
    const step = (parent === undefined ? undefined : stepOf(parent)) ?? ownStep(byId.get(id)!)
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
