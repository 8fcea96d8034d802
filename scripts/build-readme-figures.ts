// Writes the README's table of figures from the recorded lines of the benchmarks: npm run bench -- NAME --json >> bench/results/<machine>.jsonl,
// then node scripts/build-readme-figures.ts. With --check it only says whether the README is up to date.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from '../bench/figure.ts'

const root = join(import.meta.dirname, '..')
const readmeFile = join(root, 'README.md')
const [begin, end] = ['<!-- figures: begin -->', '<!-- figures: end -->']

const resultsDir = join(root, 'bench', 'results')
const recorded = readdirSync(resultsDir)
  .filter((file) => file.endsWith('.jsonl'))
  .sort()
  .flatMap((file) => readFileSync(join(resultsDir, file), 'utf8').split('\n'))
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Figure & { machine: string })

const digits = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))

const machines = [...new Set(recorded.map((f) => f.machine))]

// The rest, and what each figure was measured with, is in the recorded lines themselves.
const rows = recorded
  .filter((f) => f.bar !== undefined)
  .map((f) => {
    const peer = f.peer ? `${f.peer}${f.peerValue === undefined ? '' : `: ${digits(f.peerValue)}`}` : ''
    const verdict = f.ok === undefined ? '' : f.ok ? 'met' : '**missed**'
    const spread = f.spread ? ` (${digits(f.spread[0])} … ${digits(f.spread[1])})` : ''
    const ratio = f.ratio === undefined ? '' : digits(f.ratio)
    return `| ${f.name} | ${digits(f.value)} ${f.unit}${spread} | ${peer} | ${ratio} | ${f.bar ?? ''} | ${verdict} | ${machines.indexOf(f.machine) + 1} |`
  })
const table = [
  'Measured, by `npm run bench -- NAME --json`, on the machine whose number is in the last column:',
  '',
  ...machines.map((machine, at) => `${at + 1}. ${machine}`),
  '',
  `Median and, in brackets, smallest and largest run. Every recorded figure, with its settings, is in [bench/results](bench/results).`,
  '',
  '| figure | value | peer | ratio | bar | | on |',
  '| --- | --- | --- | --- | --- | --- | --- |',
  ...rows,
].join('\n')

const readme = readFileSync(readmeFile, 'utf8')
const before = readme.slice(0, readme.indexOf(begin) + begin.length)
const after = readme.slice(readme.indexOf(end))
const updated = `${before}\n${table}\n${after}`
if (process.argv.includes('--check')) {
  if (updated !== readme) {
    console.error('The README\'s figures differ from bench/results: run "node scripts/build-readme-figures.ts".')
    process.exit(1)
  }
} else {
  writeFileSync(readmeFile, updated)
  console.log(`${rows.length} figures`)
}
