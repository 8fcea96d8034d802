// Metrics of the data pipeline: read when Prometheus asks, because they are of stores that others write as well.
import { Counter, Gauge, type Registry } from 'prom-client'
import type { OperationFigures, Operations } from './dependencies.ts'

export class OperationMetrics {
  readonly #operations: Operations
  readonly #lagEvents: Gauge
  readonly #lagSeconds: Gauge
  readonly #failures: Counter
  readonly #kept: Counter
  readonly #recorded: Counter
  readonly #lost: Counter
  readonly #dropped: Counter
  readonly #answersRecorded: Counter
  readonly #answersLost: Counter
  readonly #answersWaiting: Gauge
  readonly #age: Gauge<'source'>
  readonly #target: Gauge<'source'>
  readonly #checks: Gauge<'verdict'>
  readonly #championAnswers: Gauge

  constructor(operations: Operations, registry: Registry) {
    this.#operations = operations
    const registers = [registry]
    this.#lagEvents = new Gauge({
      name: 'millrace_feature_lag_events',
      help: 'Events in the log that features do not know yet.',
      registers,
    })
    this.#lagSeconds = new Gauge({
      name: 'millrace_feature_lag_seconds',
      help: 'How long the oldest event has been waiting that features do not know yet.',
      registers,
    })
    this.#failures = new Counter({
      name: 'millrace_feature_engine_failures_total',
      help: 'How often the stream engine failed; it is opened again from its last commit each time.',
      registers,
    })
    this.#recorded = new Counter({
      name: 'millrace_impressions_recorded_total',
      help: 'Answers to users that are in the log as impressions.',
      registers,
    })
    this.#lost = new Counter({
      name: 'millrace_impressions_lost_total',
      help: 'Answers to users that should be in the log as impressions and are not, because it failed or was too slow.',
      registers,
    })
    this.#answersRecorded = new Counter({
      name: 'millrace_answers_recorded_total',
      help: 'Answers whose record is in the store.',
      registers,
    })
    this.#answersLost = new Counter({
      name: 'millrace_answers_lost_total',
      help: 'Answers whose record should be in the store and is not, because it failed or was too slow.',
      registers,
    })
    this.#answersWaiting = new Gauge({
      name: 'millrace_answers_waiting',
      help: 'Answers whose record is on its way to the store.',
      registers,
    })
    this.#kept = new Counter({
      name: 'millrace_served_features_kept_total',
      help: 'Rows of features that were kept as they were served, for the measurement of skew.',
      registers,
    })
    this.#dropped = new Counter({
      name: 'millrace_served_features_dropped_total',
      help: 'Rows of the sample of served features that could not be kept.',
      registers,
    })
    this.#age = new Gauge({
      name: 'millrace_source_age_seconds',
      help: 'Since a source was last read with success; left out before the first time.',
      labelNames: ['source'],
      registers,
    })
    this.#target = new Gauge({
      name: 'millrace_source_freshness_target_seconds',
      help: 'How old the last success of a source may be.',
      labelNames: ['source'],
      registers,
    })
    this.#checks = new Gauge({
      name: 'millrace_check_results',
      help: 'Results of the last run of the checks of the data, by verdict.',
      labelNames: ['verdict'],
      registers,
    })
    this.#championAnswers = new Gauge({
      name: 'millrace_champion_answers',
      help: '1 where the model in charge answers, 0 where an older one or popular items answer in its place; left out where none is in charge.',
      registers,
    })
  }

  async read(): Promise<void> {
    const figures = await this.#operations.figures()
    this.#championAnswers.remove()
    if (figures.championAnswers !== undefined) this.#championAnswers.set(figures.championAnswers ? 1 : 0)
    this.#readFeatures(figures)
    this.#readImpressions(figures)
    this.#readAnswers(figures)
    this.#readSources(figures)
    this.#checks.reset()
    for (const [verdict, count] of Object.entries(figures.checks?.counts ?? {})) this.#checks.set({ verdict }, count)
  }

  #readFeatures({ features }: OperationFigures): void {
    // A gauge that cannot be read says nothing, rather than what it said last.
    for (const gauge of [this.#lagEvents, this.#lagSeconds]) gauge.remove()
    if (features?.lag !== undefined) {
      this.#lagEvents.set(features.lag.lagEventCount)
      this.#lagSeconds.set(features.lag.lagMs / 1000)
    }
    setTotal(this.#failures, features?.failureCount)
    setTotal(this.#kept, features?.samples.keptCount)
    setTotal(this.#dropped, features?.samples.droppedCount)
  }

  #readImpressions({ impressions }: OperationFigures): void {
    setTotal(this.#recorded, impressions?.recordedCount)
    setTotal(this.#lost, impressions?.lostCount)
  }

  #readAnswers({ answers }: OperationFigures): void {
    setTotal(this.#answersRecorded, answers?.recordedCount)
    setTotal(this.#answersLost, answers?.lostCount)
    this.#answersWaiting.set(answers?.queueLength ?? 0)
  }

  #readSources({ sources }: OperationFigures): void {
    this.#age.reset()
    this.#target.reset()
    for (const { name: source, ageMs, freshnessMs } of sources) {
      if (ageMs !== undefined) this.#age.set({ source }, ageMs / 1000)
      this.#target.set({ source }, freshnessMs / 1000)
    }
  }
}

/** Counted elsewhere since the start of the process, so it never falls. */
function setTotal(counter: Counter, total = 0): void {
  counter.reset()
  counter.inc(total)
}
