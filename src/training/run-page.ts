// A comparison of runs as one page of HTML that needs nothing else: tables, each figure over the runs with its interval, and over time where it has steps.

import type { RunMetric } from '../domain/run.ts'
import type { ComparedRun, RunComparison } from '../domain/run-comparison.ts'
import { comparisonRows } from './run-text.ts'

const WIDTH = 560
const HEIGHT = 220
const MARGIN = { left: 70, right: 16, top: 16, bottom: 40 }
/** Told apart by most who do not see all colours, too (Okabe & Ito, "Color universal design", 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']
/** Round numbers on an axis: at most one more than so many. */
const TICKS = 5
/** So that a line is told apart in print, and shows one that lies under it. */
const DASHES = ['none', '7 4', '2 3', '9 3 2 3']

/** @param system its name, for the title */
export function comparisonPage(system: string, compared: readonly ComparedRun[], comparison: RunComparison): string {
  const [header, ...rows] = comparisonRows(compared, comparison)
  const title = `Runs of ${system}`
  const names = comparison.metrics.map(({ name }) => name)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222; background: #fff }
.scroll { overflow-x: auto }
table { border-collapse: collapse }
th, td { text-align: left; padding: .25rem .75rem; border-bottom: 1px solid #ddd; white-space: nowrap; vertical-align: top }
figure { display: inline-block; max-width: 100%; margin: 0 1.5rem 1.5rem 0 }
figcaption { font-weight: 600 }
svg { max-width: 100%; height: auto }
svg text { font: 11px system-ui, sans-serif; fill: #444 }
ol { padding: 0; list-style: none }
li { display: inline-block; margin-right: 1.5rem }
li span { display: inline-block; width: .8em; height: .8em; margin-right: .4em }
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<ol>${compared.map(({ run }, i) => `<li><span style="background:${colourOf(i)}"></span>${i + 1}: ${escaped(run.id)}</li>`).join('')}</ol>
<div class="scroll"><table>
<thead><tr>${header!.map((cell) => `<th>${escaped(cell)}</th>`).join('')}</tr></thead>
<tbody>
${rows.map(([name, ...cells]) => `<tr><th>${escaped(name!)}</th>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`).join('\n')}
</tbody>
</table></div>
<h2>Figures</h2>
${names.map((name) => plotOf(name, compared)).join('\n') || '<p>None was measured.</p>'}
</body>
</html>
`
}

interface Point {
  readonly run: number
  readonly x: number
  readonly metric: RunMetric
}

/** Over its steps where one of the runs has several, else over the runs. */
function plotOf(name: string, compared: readonly ComparedRun[]): string {
  const series = compared.map(({ metrics }) => metrics.filter((metric) => metric.name === name))
  const isOverTime = series.some((metrics) => metrics.length > 1)
  const points = series.flatMap((metrics, run) =>
    metrics.map((metric): Point => ({ run, x: isOverTime ? metric.step : run, metric })),
  )
  const ends = points.flatMap(({ metric: { value, interval } }) => [value, ...(interval ?? [])])
  const [low, high] = [Math.min(...ends), Math.max(...ends)]
  const yTicks = ticksAround(low, high)
  // Where numbers are too large for their differences, the rounded ends may lie within.
  const y = scaleOf([Math.min(low, yTicks[0]!), Math.max(high, yTicks.at(-1)!)], [HEIGHT - MARGIN.bottom, MARGIN.top])
  const xs = isOverTime ? points.map(({ x }) => x) : [-0.5, compared.length - 0.5]
  const x = scaleOf([Math.min(...xs), Math.max(...xs)], [MARGIN.left, WIDTH - MARGIN.right])
  const marks = points.map(({ run, x: at, metric }) => markOf(x(at), metric, y, run))
  const lines = isOverTime ? series.map((metrics, run) => lineOf(metrics, x, y, run)) : []
  const xTicks = isOverTime
    ? stepTicks(Math.min(...xs), Math.max(...xs)).map((at) => [x(at), tickText(at)] as const)
    : compared.map((_, run) => [x(run), String(run + 1)] as const)
  const axes = [
    ...yTicks.map(
      (at) =>
        `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(at)}" y2="${y(at)}" stroke="${at === 0 ? '#999' : '#eee'}"/><text x="${MARGIN.left - 6}" y="${y(at) + 4}" text-anchor="end">${yTicks.length === 1 ? figure(at) : tickText(at)}</text>`,
    ),
    ...xTicks.map(
      ([at, text]) => `<text x="${at}" y="${HEIGHT - MARGIN.bottom + 16}" text-anchor="middle">${text}</text>`,
    ),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">${isOverTime ? 'step' : 'run, in the order above'}</text>`,
  ]
  return `<figure><figcaption>${escaped(name)}</figcaption><svg width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(name)}">${[...axes, ...lines, ...marks].join('')}</svg></figure>`
}

type Scale = (value: number) => number

/** Linear. A range without a width lies in the middle. */
function scaleOf([low, high]: readonly [number, number], [from, to]: readonly [number, number]): Scale {
  if (low === high) return () => (from + to) / 2
  return (value) => round(from + ((value - low) / (high - low)) * (to - from))
}

function markOf(x: number, { value, interval, step, name }: RunMetric, y: Scale, run: number): string {
  const colour = colourOf(run)
  const whisker = interval
    ? `<line x1="${x}" x2="${x}" y1="${y(interval[0])}" y2="${y(interval[1])}" stroke="${colour}" stroke-width="1.5"/>`
    : ''
  // Every other one is a ring, so that it shows what lies under it.
  const fill = run % 2 === 0 ? `fill="${colour}"` : `fill="none" stroke="${colour}" stroke-width="1.5"`
  return `${whisker}<circle cx="${x}" cy="${y(value)}" r="3.5" ${fill}><title>${escaped(name)}, run ${run + 1}, step ${step}: ${figure(value)}</title></circle>`
}

function lineOf(metrics: readonly RunMetric[], x: Scale, y: Scale, run: number): string {
  const points = metrics.map(({ step, value }) => `${x(step)},${y(value)}`)
  return `<polyline points="${points.join(' ')}" fill="none" stroke="${colourOf(run)}" stroke-width="1.5" stroke-dasharray="${DASHES[run % DASHES.length]}"/>`
}

/** Round numbers, the first one at or below `low`, the last one at or above `high`. */
function ticksAround(low: number, high: number): readonly number[] {
  if (low === high) return [low]
  const step = roundStep((high - low) / TICKS)
  const first = Math.floor(low / step)
  return Array.from({ length: Math.ceil(high / step) - first + 1 }, (_, i) => (first + i) * step)
}

/** Whole numbers from `low` to `high`. */
function stepTicks(low: number, high: number): readonly number[] {
  const step = Math.max(1, roundStep((high - low) / TICKS))
  const first = Math.ceil(low / step)
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step)
}

/** The smallest of 1, 2, 5, 10, … and their decimals that is not below. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least)!
}

/** Without what the arithmetic of binary fractions leaves behind. */
const tickText = (value: number): string => String(Number(value.toPrecision(10)))
const figure = (value: number): string => String(Number(value.toPrecision(4)))
const round = (value: number): number => Math.round(value * 10) / 10
const colourOf = (run: number): string => COLOURS[run % COLOURS.length]!

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => escapes[character]!)
