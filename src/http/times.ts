// Histograms of times under two labels. They are ours because every request passes through them: the metrics library finds a series by a text that it
// composes of the labels anew each time, which cost more than the rest of the counting.

/** A series of one value of each label. `bucketCounts` are of each bucket alone; the last one is of what is above all bounds. */
interface Series {
  readonly bucketCounts: Float64Array
  sumSeconds: number
}

export interface TimesOptions {
  readonly name: string
  readonly help: string
  readonly labels: readonly [first: string, second: string]
  /** Ascending upper bounds, each within its bucket. */
  readonly bucketsSeconds: readonly number[]
}

export class Times {
  readonly #options: TimesOptions
  readonly #seriesByLabels = new Map<string, Map<string | number, Series>>()

  constructor(options: TimesOptions) {
    this.#options = options
  }

  observe(first: string, second: string | number, seconds: number): void {
    const series = this.#seriesByLabels.get(first)?.get(second) ?? this.#newSeries(first, second)
    const { bucketsSeconds } = this.#options
    let bucket = 0
    while (bucket < bucketsSeconds.length && seconds > bucketsSeconds[bucket]!) bucket++
    series.bucketCounts[bucket]!++
    series.sumSeconds += seconds
  }

  /** In the text format of Prometheus, ending in a line break. */
  text(): string {
    const { name, help, labels } = this.#options
    const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`]
    for (const [first, bySecond] of this.#seriesByLabels) {
      for (const [second, series] of bySecond) {
        lines.push(
          ...this.#seriesLines(`${labels[0]}="${escaped(first)}",${labels[1]}="${escaped(String(second))}"`, series),
        )
      }
    }
    return `${lines.join('\n')}\n`
  }

  #newSeries(first: string, second: string | number): Series {
    let bySecond = this.#seriesByLabels.get(first)
    if (bySecond === undefined) this.#seriesByLabels.set(first, (bySecond = new Map()))
    const series = { bucketCounts: new Float64Array(this.#options.bucketsSeconds.length + 1), sumSeconds: 0 }
    bySecond.set(second, series)
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
