// Many lists of a user as one value: the mean over the questions that were asked about them, so that a user who is asked about often does not count more.
import { type UserMetric, type UserMetricValues, userMetrics } from './evaluate.ts'

export class UserMeans<Metric extends UserMetric = UserMetric> {
  readonly #k: number
  readonly #metrics: readonly Metric[]
  readonly #byUser = new Map<number, { listCount: number; sums: number[] }>()

  /** @param k may be Infinity for metrics that do not divide by it */
  constructor(k: number, metrics = Object.keys(userMetrics) as Metric[]) {
    this.#k = k
    this.#metrics = metrics
  }

  /** @param shown the list, best first; @param relevant at least one item */
  add(userIndex: number, shown: ArrayLike<number>, relevant: ReadonlySet<number>): void {
    const user = this.#byUser.get(userIndex) ?? { listCount: 0, sums: this.#metrics.map(() => 0) }
    user.listCount++
    // Defined, because something is relevant.
    for (const [m, name] of this.#metrics.entries()) user.sums[m]! += userMetrics[name](shown, relevant, this.#k)!
    this.#byUser.set(userIndex, user)
  }

  /** By user, ascending. */
  values(): { readonly userIndexes: Int32Array; readonly values: Pick<UserMetricValues['values'], Metric> } {
    const users = [...this.#byUser].sort(([a], [b]) => a - b)
    const valuesOf = (m: number) => Float64Array.from(users, ([, { sums, listCount }]) => sums[m]! / listCount)
    return {
      userIndexes: Int32Array.from(users, ([user]) => user),
      values: Object.fromEntries(this.#metrics.map((name, m) => [name, valuesOf(m)])) as Pick<
        UserMetricValues['values'],
        Metric
      >,
    }
  }
}
