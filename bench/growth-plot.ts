// The growth benchmark's points as a page of Markdown and as a drawing: one row of panels a figure, one column an axis, both scales logarithmic.
import type { GrowthAnswer, GrowthMeasurement } from './growth-point.ts'
import type { GrowthPoint } from './growth-shop.ts'

export interface MeasuredPoint {
  readonly point: GrowthPoint
  readonly answer: GrowthAnswer
}

/** Points that differ in one count. */
export interface GrowthAxis {
  readonly name: string
  readonly count: (point: GrowthPoint) => number
  readonly points: readonly MeasuredPoint[]
}

const measures: readonly { readonly name: string; readonly of: (measured: GrowthMeasurement) => number }[] = [
  { name: 'p50, ms', of: ({ p50Ms }) => p50Ms },
  { name: 'p99, ms', of: ({ p99Ms }) => p99Ms },
  { name: 'memory, MB', of: ({ memoryMb }) => memoryMb.whole },
  { name: 'load, s', of: ({ loadSeconds }) => loadSecondsOf(loadSeconds) },
]

export const loadSecondsOf = (seconds: GrowthMeasurement['loadSeconds']): number =>
  Object.values(seconds).reduce((sum, part) => sum + part, 0)

export function growthTable(points: readonly MeasuredPoint[]): string {
  const rows: string[] = [
    '| items | candidates | users | p50 ms | p99 ms | requests/s of a core | memory MB | of it live state | model | feature columns | load s | of it log and live state | model | feature columns |',
    `|${' ---: |'.repeat(14)}`,
  ]
  for (const { point, answer } of points) {
    const { itemCount, candidateCount, userCount } = point
    const counts = [itemCount, candidateCount, userCount].map((count) => count.toLocaleString('en-US'))
    rows.push(`| ${[...counts, ...cellsOf(answer)].join(' | ')} |`)
  }
  return rows.join('\n')
}

function cellsOf(answer: GrowthAnswer): readonly string[] {
  if ('problem' in answer) return [answer.problem, ...new Array<string>(10).fill('')]
  const { memoryMb, loadSeconds } = answer
  return [
    answer.p50Ms.toFixed(2),
    answer.p99Ms.toFixed(2),
    ...[answer.requestsPerSecond, memoryMb.whole, memoryMb.live, memoryMb.model, memoryMb.columns].map((value) =>
      Math.round(value).toLocaleString('en-US'),
    ),
    loadSecondsOf(loadSeconds).toFixed(1),
    (loadSeconds.reading + loadSeconds.events).toFixed(1),
    loadSeconds.model.toFixed(1),
    loadSeconds.columns.toFixed(1),
  ]
}

const PANEL = { width: 210, height: 130, left: 52, top: 26, gapX: 62, gapY: 54 }

export function growthDrawing(axes: readonly GrowthAxis[]): string {
  const width = PANEL.left + axes.length * (PANEL.width + PANEL.gapX)
  const height = PANEL.top + measures.length * (PANEL.height + PANEL.gapY)
  const panels = measures.flatMap((measure, row) => {
    const values = axes.flatMap(({ points }) => points.flatMap(({ answer }) => measuredOf(answer, measure.of) ?? []))
    const scale = logScale(values)
    return axes.map((axis, column) => {
      const x = PANEL.left + column * (PANEL.width + PANEL.gapX)
      const y = PANEL.top + row * (PANEL.height + PANEL.gapY)
      return `<g transform="translate(${x} ${y})">${panel(axis, measure, scale)}</g>`
    })
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>Cost against growth</title><rect width="${width}" height="${height}" fill="#fff"/>`,
    ...panels,
    '</svg>\n',
  ].join('\n')
}

interface Scale {
  readonly place: (value: number) => number
  readonly ticks: readonly number[]
}

/** From 0 for the least whole power (or 2 or 5 of it) below all values to 1 for the one above them. */
function logScale(values: readonly number[]): Scale {
  const ticks = [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power))
  const least = Math.min(...values)
  const most = Math.max(...values)
  const low = ticks.findLast((tick) => tick <= least) ?? ticks[0]!
  const high = ticks.find((tick) => tick > most) ?? ticks.at(-1)!
  const place = (value: number): number => Math.log(value / low) / Math.log(high / low)
  return { place, ticks: ticks.filter((tick) => tick >= low && tick <= high) }
}

function panel(axis: GrowthAxis, { name, of }: (typeof measures)[number], scale: Scale): string {
  const counts = logScale(axis.points.map(({ point }) => axis.count(point)))
  const x = (count: number): string => (8 + counts.place(count) * (PANEL.width - 16)).toFixed(1)
  const y = (value: number): string => ((1 - scale.place(value)) * PANEL.height).toFixed(1)
  const marks = axis.points.flatMap(({ point, answer }) => {
    const value = measuredOf(answer, of)
    return value === undefined ? [] : [{ count: axis.count(point), value }]
  })
  const grid = scale.ticks.map(
    (tick) =>
      `<line x2="${PANEL.width}" y1="${y(tick)}" y2="${y(tick)}" stroke="#ddd"/><text x="-6" y="${y(tick)}" dy="4" text-anchor="end">${shortly(tick)}</text>`,
  )
  const line = marks.map(({ count, value }) => `${x(count)},${y(value)}`).join(' ')
  const dots = marks.map(
    ({ count, value }) =>
      `<circle cx="${x(count)}" cy="${y(value)}" r="3.5" fill="#1b6ca8"/><text x="${x(count)}" y="${y(value)}" dy="-7" text-anchor="middle">${Number(value.toPrecision(3)).toLocaleString('en-US')}</text>`,
  )
  const ticks = axis.points.map(
    ({ point }) =>
      `<text x="${x(axis.count(point))}" y="${PANEL.height + 14}" text-anchor="middle">${shortly(axis.count(point))}</text>`,
  )
  return [
    `<text y="-10" font-weight="bold">${name}</text>`,
    ...grid,
    `<rect width="${PANEL.width}" height="${PANEL.height}" fill="none" stroke="#999"/>`,
    `<polyline points="${line}" fill="none" stroke="#1b6ca8" stroke-width="1.5"/>`,
    ...dots,
    ...ticks,
    `<text x="${PANEL.width / 2}" y="${PANEL.height + 28}" text-anchor="middle">${axis.name}</text>`,
  ].join('')
}

const measuredOf = (answer: GrowthAnswer, of: (measured: GrowthMeasurement) => number): number | undefined =>
  'problem' in answer ? undefined : of(answer)

function shortly(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`
  return value >= 1000 ? `${value / 1000} K` : String(Number(value.toPrecision(2)))
}
