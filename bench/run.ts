// npm run bench -- NAME [--json] [--smoke]: runs bench/NAME.ts and prints its figures, as a table or as one JSON line each.
import { readdirSync } from 'node:fs'
import { alignedColumns } from '../src/lib/aligned-columns.ts'
import { type Bench, type Figure, machineName } from './figure.ts'

const args = process.argv.slice(2)
const asJson = args.includes('--json')
const name = args.find((arg) => !arg.startsWith('--'))
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.replace('.bench.ts', ''))
  .sort()

if (!name || !names.includes(name)) {
  console.error(
    `${name ? `There is no benchmark called "${name}".` : 'Which benchmark?'} There are: ${names.join(', ')}.`,
  )
  process.exit(64)
}

const { default: bench } = (await import(`./${name}.bench.ts`)) as { default: Bench }
const result = await bench({ smoke: args.includes('--smoke'), log: (line) => console.error(line) })
if ('skipped' in result) {
  if (asJson) console.log(JSON.stringify({ name, skipped: result.skipped }))
  else console.log(`skipped: ${result.skipped}`)
} else if (asJson) {
  for (const figure of result) console.log(JSON.stringify({ ...figure, machine: machineName() }))
} else {
  printTable(result)
}

function printTable(figures: readonly Figure[]): void {
  console.log(`${name} on ${machineName()}\n`)
  const rows = [['figure', 'value', 'spread', 'peer', 'ratio', 'bar', '']]
  for (const f of figures) {
    rows.push([
      f.name,
      `${digits(f.value)} ${f.unit}`,
      f.spread ? `${digits(f.spread[0])} … ${digits(f.spread[1])}` : '',
      f.peer ? `${f.peer}${f.peerValue === undefined ? '' : ` ${digits(f.peerValue)}`}` : '',
      f.ratio === undefined ? '' : digits(f.ratio),
      f.bar ?? '',
      f.ok === undefined ? '' : f.ok ? 'met' : 'MISSED',
    ])
  }
  for (const line of alignedColumns(rows)) console.log(line)
  for (const f of figures) if (f.note) console.log(`\n${f.name}: ${f.note}`)
}

function digits(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value)
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(4)))
}
