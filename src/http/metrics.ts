// What Prometheus sees of the server. `docs/http.md` lists each name.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { LogEvent } from '../domain/event.ts'
import type { RecommendResponse } from '../domain/recommendation.ts'
import type { Answered, IntakeResult, Operations, ServerDependencies, StepMs } from './dependencies.ts'
import { OperationMetrics } from './operation-metrics.ts'
import { PendingCounts } from './pending-counts.ts'
import { Times } from './times.ts'

/** Fine around the budgets of an answer: 10 ms is the goal, 100 ms the bound. */
const LATENCY_BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** Steps are shorter: features are to be there within 5 ms, ranks within 25. */
const STEP_BUCKETS_SECONDS = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 1]

/** The server's counters, in a registry of their own so that two servers in one process do not mix. */
export class ServerMetrics {
  readonly #registry = new Registry()
  readonly #requests = new Times({
    labels: ['route', 'status'],
    name: 'millrace_http_request_seconds',
    help: 'Time from reading the headers of a request to having written its answer, by route and status.',
    bucketsSeconds: LATENCY_BUCKETS_SECONDS,
  })
  readonly #steps = new Times({
    labels: ['placement', 'step'],
    name: 'millrace_answer_step_seconds',
    help: 'Time that one step of a ranked answer took, waiting included: candidates, others (until those of requests that came at the same time were there), features, ranking.',
    bucketsSeconds: STEP_BUCKETS_SECONDS,
  })
  readonly #answers = new PendingCounts()
  readonly #items = new PendingCounts()
  readonly #failures: Counter<'generator'>
  readonly #unranked: Counter
  readonly #lookups: Counter
  readonly #listAge: Gauge<'placement'>
  readonly #ruleFailures: Counter<'rule'>
  readonly #invalid: Counter
  readonly #withdrawn: Counter
  readonly #accepted: Counter<'kind'>
  readonly #duplicates: Counter<'kind'>
  readonly #rejected: Counter<'kind' | 'reason'>
  readonly #operations: OperationMetrics | undefined

  constructor({
    status,
    waitMs = () => 0,
    build,
    operations,
  }: Pick<ServerDependencies, 'status' | 'waitMs' | 'build' | 'operations'>) {
    const registers = [this.#registry]
    const answers = this.#answers
    new Counter({
      name: 'millrace_answers_total',
      help: 'Recommendations given, by placement and rung of the fallback ladder.',
      labelNames: ['placement', 'rung'],
      registers,
      collect() {
        answers.drain((placement, rung, count) => this.inc({ placement, rung }, count))
      },
    })
    const items = this.#items
    new Counter({
      name: 'millrace_answer_items_total',
      help: 'Items recommended, by placement and the candidate generator that proposed them first.',
      labelNames: ['placement', 'generator'],
      registers,
      collect() {
        items.drain((placement, generator, count) => this.inc({ placement, generator }, count))
      },
    })
    this.#failures = new Counter({
      name: 'millrace_generator_failures_total',
      help: 'Answers that had to be made without a candidate generator, because it failed or the model lacks it.',
      labelNames: ['generator'],
      registers,
    })
    this.#unranked = new Counter({
      name: 'millrace_ranking_failures_total',
      help: 'Answers that had to be made without the ranker, because it or its features failed or took too long.',
      registers,
    })
    this.#lookups = new Counter({
      name: 'millrace_stored_list_failures_total',
      help: 'Answers for which a list made ahead of time could not be looked up, because the store failed or took too long.',
      registers,
    })
    this.#listAge = new Gauge({
      name: 'millrace_stored_list_age_seconds',
      help: 'Age of the list made ahead of time that the newest answer of the placement is from.',
      labelNames: ['placement'],
      registers,
    })
    this.#ruleFailures = new Counter({
      name: 'millrace_rule_failures_total',
      help: 'Answers that had to be made without a rule that is code, because it threw or answered nonsense.',
      labelNames: ['rule'],
      registers,
    })
    this.#invalid = new Counter({
      name: 'millrace_invalid_candidates_total',
      help: 'Proposals of candidate generators that broke their law (unknown, not allowed or without a finite score) and were turned away.',
      registers,
    })
    this.#withdrawn = new Counter({
      name: 'millrace_withdrawn_items_total',
      help: 'Items that the last look at a list took out of it. Anything above 0 is a mistake in Millrace; please report it.',
      registers,
    })
    new Gauge({
      name: 'millrace_request_wait_seconds',
      help: 'How long requests wait before anybody looks at them, at least; from 0.3 of serving.budgetMs on answers stand on lower rungs.',
      registers,
      collect() {
        this.set(waitMs() / 1000)
      },
    })
    this.#accepted = new Counter({
      name: 'millrace_events_accepted_total',
      help: 'Events stored durably, by kind: interaction, impression or entity.',
      labelNames: ['kind'],
      registers,
    })
    this.#duplicates = new Counter({
      name: 'millrace_events_duplicate_total',
      help: 'Events that were known already by their id, by kind.',
      labelNames: ['kind'],
      registers,
    })
    this.#rejected = new Counter({
      name: 'millrace_events_rejected_total',
      help: 'Events that went to quarantine, by kind and reason.',
      labelNames: ['kind', 'reason'],
      registers,
    })
    new Gauge({
      name: 'millrace_live_state_lag_events',
      help: 'Events in the log that the live state has not seen yet.',
      registers,
      collect() {
        this.set(status().lagEventCount)
      },
    })
    new Gauge({
      name: 'millrace_live_state_lag_seconds',
      help: 'How long the oldest event has been waiting that the live state has not seen yet.',
      registers,
      collect() {
        this.set(status().lagMs / 1000)
      },
    })
    new Gauge({
      name: 'millrace_build_info',
      help: 'Always 1; the labels tell what is running.',
      labelNames: ['version', 'plan', 'node'],
      registers,
    }).set({ version: build.version, plan: build.planHash, node: process.version }, 1)
    this.#operations = operations && new OperationMetrics(operations, this.#registry)
    collectDefaultMetrics({ register: this.#registry })
  }

  countRequest(route: string, statusCode: number, elapsedMs: number): void {
    this.#requests.observe(route, statusCode, elapsedMs / 1000)
  }

  countAnswer({ placement, rung, items }: RecommendResponse): void {
    this.#answers.add(placement, rung, 1)
    // One generator usually gives whole stretches of a list, so counting runs saves nearly all of the work.
    let runStart = 0
    for (let i = 1; i <= items.length; i++) {
      const { generator } = items[runStart]!
      if (i < items.length && items[i]!.generator === generator) continue
      this.#items.add(placement, generator, i - runStart)
      runStart = i
    }
  }

  countAnswered(answered: Answered): void {
    const {
      response,
      stepMs,
      failures,
      ruleFailures = [],
      rankingFailure,
      lookupFailure,
      invalidCandidateCount,
      withdrawnCount,
    } = answered
    if (stepMs !== undefined) {
      for (const step in stepMs) this.#steps.observe(response.placement, step, stepMs[step as keyof StepMs] / 1000)
    }
    if (rankingFailure !== undefined) this.#unranked.inc()
    if (lookupFailure !== undefined) this.#lookups.inc()
    if (response.stored) this.#listAge.set({ placement: response.placement }, response.stored.ageSeconds)
    for (const { generator } of failures) this.#failures.inc({ generator })
    for (const { rule } of ruleFailures) this.#ruleFailures.inc({ rule })
    if (invalidCandidateCount > 0) this.#invalid.inc(invalidCandidateCount)
    if (withdrawnCount > 0) this.#withdrawn.inc(withdrawnCount)
  }

  countIntake(kind: LogEvent['kind'], { acceptedCount, duplicatePositions, rejected }: IntakeResult): void {
    this.#accepted.inc({ kind }, acceptedCount)
    this.#duplicates.inc({ kind }, duplicatePositions.length)
    for (const { reason } of rejected) this.#rejected.inc({ kind, reason })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** In the text format of Prometheus. */
  async text(): Promise<string> {
    await this.#operations?.read()
    return `${this.#requests.text()}\n${this.#steps.text()}\n${await this.#registry.metrics()}`
  }
}

/** What a process counts that answers no request but keeps the data up to date; a function that tells it in the text format of Prometheus. */
export function pipelineMetrics(operations: Operations): () => Promise<string> {
  const registry = new Registry()
  const read = new OperationMetrics(operations, registry)
  collectDefaultMetrics({ register: registry })
  return async () => {
    await read.read()
    return registry.metrics()
  }
}
