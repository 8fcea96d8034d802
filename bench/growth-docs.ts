// The growth benchmark's figures, and the page that it writes.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Figure, machineName } from './figure.ts'
import { type GrowthAxis, growthDrawing, growthTable, loadSecondsOf, type MeasuredPoint } from './growth-plot.ts'

export function growthFigures(points: readonly MeasuredPoint[]): Figure[] {
  return points.flatMap(({ point, answer }): Figure[] => {
    const { itemCount, candidateCount, userCount } = point
    const place = `${itemCount} items, ${candidateCount} candidates, ${userCount} users`
    if ('problem' in answer) {
      return [{ name: `growth, not measured: ${place}`, value: 0, unit: 'points', note: answer.problem }]
    }
    const { memoryMb, loadSeconds } = answer
    const parts = Object.entries(memoryMb).map(([part, mb]) => `${part} ${mb.toFixed(0)}`)
    const steps = Object.entries(answer.stepMs).map(([step, ms]) => `${step} ${ms.toFixed(3)}`)
    const seconds = Object.entries(loadSeconds).map(([part, value]) => `${part} ${value.toFixed(1)}`)
    return [
      { name: `growth-p50, ${place}`, value: answer.p50Ms, unit: 'ms', note: steps.join(', ') },
      { name: `growth-p99, ${place}`, value: answer.p99Ms, unit: 'ms', spread: answer.p99SpreadMs },
      {
        name: `growth-requests, ${place}`,
        value: answer.requestsPerSecond,
        unit: 'requests/s',
        spread: answer.requestsPerSecondSpread,
        note: 'of one core, by the processor time of all threads, from the text of the request to that of the answer, without sockets',
      },
      { name: `growth-memory, ${place}`, value: memoryMb.whole, unit: 'MB', note: parts.join(', ') },
      { name: `growth-load, ${place}`, value: loadSecondsOf(loadSeconds), unit: 's', note: seconds.join(', ') },
    ]
  })
}

/** The page and its drawing. @param points the base first */
export function writeGrowthDocs(points: readonly MeasuredPoint[], docsDir: string): void {
  const axes = axesOf(points)
  mkdirSync(join(docsDir, 'figures'), { recursive: true })
  writeFileSync(join(docsDir, 'figures', 'growth.svg'), growthDrawing(axes))
  writeFileSync(
    join(docsDir, 'growth.md'),
    `# Cost against growth

Written by \`npm run bench -- growth\` on ${machineName()}. One count varies at a time around 100,000 items, 500 candidates and 100,000 users.

![Latency, memory and load time against items, candidates and users](figures/growth.svg)

${growthTable(points)}

Each point is a process of its own that serves the system of the funnel's benchmark: three generators (64 factors, 300 neighbours an item, popularity), 22 features, 100 trees of 8 leaves, a filter
and rules; ${points[0]!.point.interactionsPerUser} interactions a user. The shop and the arrays of the model are made, not learned, in the size and the shape that learning gives, so that this says what answers cost and
nothing of how good they are. Requests are asked one after another in the process, from the text of the request to that of the answer; sockets are not in it, nor are requests that wait for each other.

- *Latency* is the median of five rounds' p50 and p99, of 1,000 requests each. *Requests/s of a core* is by the processor time of all threads of the process.
- *Memory* is private memory after a collection, in MB of 2^20 bytes. Feature columns reuse what loading the model let go of, so their part may read less than they take. Stores on disk are not in it:
  their pages are the system's to take back.
- *Load* is taking the log in (its events applied to the live state, and their reading from disk, worked out from 200,000 of them), opening the bundle and aligning it, and filling the feature columns.
- Only the 2,000 users that are asked about have features in the store.
`,
  )
}

/** Those points of each count that differ from the base in it alone. */
function axesOf(points: readonly MeasuredPoint[]): readonly GrowthAxis[] {
  const base = points[0]!.point
  return (['itemCount', 'candidateCount', 'userCount'] as const).map((count) => {
    const others = points.filter(({ point }) =>
      Object.entries(base).every(([name, value]) => name === count || point[name as keyof typeof point] === value),
    )
    return {
      name: { itemCount: 'items', candidateCount: 'candidates', userCount: 'users' }[count],
      count: (point) => point[count],
      points: others.sort((a, b) => a.point[count] - b.point[count]),
    }
  })
}
