// Many lists of a user as one value: the mean over the questions that were asked about them, so that a user who is asked about often does not count more.
import { type UserMetric, type UserMetricValues, userMetrics } from './evaluate.ts'

const metricNames = Object.keys(userMetrics) as UserMetric[]

export class UserMeans {
  readonly #k: number
  readonly #byUser = new Map<number, { listCount: number; sums: number[] }>()

  constructor(k: number) {
    this.#k = k
  }

  /** @param shown the list, best first; @param relevant at least one item */
  add(userIndex: number, shown: ArrayLike<number>, relevant: ReadonlySet<number>): void {
    const user = this.#byUser.get(userIndex) ?? { listCount: 0, sums: metricNames.map(() => 0) }
    user.listCount++
    // Defined, because something is relevant.
    for (const [m, name] of metricNames.entries()) user.sums[m]! += userMetrics[name](shown, relevant, this.#k)!
    this.#byUser.set(userIndex, user)
  }

  /** By user, ascending. */
  values(): UserMetricValues {
    const users = [...this.#byUser].sort(([a], [b]) => a - b)
    const valuesOf = (m: number) => Float64Array.from(users, ([, { sums, listCount }]) => sums[m]! / listCount)
    return {
      userIndexes: Int32Array.from(users, ([user]) => user),
      values: Object.fromEntries(metricNames.map((name, m) => [name, valuesOf(m)])) as UserMetricValues['values'],
    }
  }
}
