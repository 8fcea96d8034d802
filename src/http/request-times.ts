// The histogram of request times. It is ours because every request passes through it: the metrics library finds a series by a text that it
// composes of the labels anew each time, which cost more than the rest of the counting.

/** A series of one route and status. `bucketCounts` are of each bucket alone; the last one is of what is above all bounds. */
interface Series {
  readonly bucketCounts: Float64Array
  sumSeconds: number
}

export interface RequestTimesOptions {
  readonly name: string
  readonly help: string
  /** Ascending upper bounds, each within its bucket. */
  readonly bucketsSeconds: readonly number[]
}

export class RequestTimes {
  readonly #options: RequestTimesOptions
  readonly #seriesByRoute = new Map<string, Map<number, Series>>()

  constructor(options: RequestTimesOptions) {
    this.#options = options
  }

  observe(route: string, statusCode: number, seconds: number): void {
    const series = this.#seriesByRoute.get(route)?.get(statusCode) ?? this.#newSeries(route, statusCode)
    const { bucketsSeconds } = this.#options
    let bucket = 0
    while (bucket < bucketsSeconds.length && seconds > bucketsSeconds[bucket]!) bucket++
    series.bucketCounts[bucket]!++
    series.sumSeconds += seconds
  }

  /** In the text format of Prometheus, ending in a line break. */
  text(): string {
    const { name, help } = this.#options
    const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`]
    for (const [route, byStatus] of this.#seriesByRoute) {
      for (const [statusCode, series] of byStatus) {
        lines.push(...this.#seriesLines(`route="${escaped(route)}",status="${statusCode}"`, series))
      }
    }
    return `${lines.join('\n')}\n`
  }

  #newSeries(route: string, statusCode: number): Series {
    let byStatus = this.#seriesByRoute.get(route)
    if (byStatus === undefined) this.#seriesByRoute.set(route, (byStatus = new Map()))
    const series = { bucketCounts: new Float64Array(this.#options.bucketsSeconds.length + 1), sumSeconds: 0 }
    byStatus.set(statusCode, series)
    return series
  }

  /** Prometheus counts whatever is at or below each bound. */
  #seriesLines(labels: string, { bucketCounts, sumSeconds }: Series): readonly string[] {
    const { name, bucketsSeconds } = this.#options
    let count = 0
    const buckets = [...bucketsSeconds, '+Inf'].map((bound, bucket) => {
      count += bucketCounts[bucket]!
      return `${name}_bucket{le="${bound}",${labels}} ${count}`
    })
    return [...buckets, `${name}_sum{${labels}} ${sumSeconds}`, `${name}_count{${labels}} ${count}`]
  }
}

const escaped = (label: string): string => label.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
