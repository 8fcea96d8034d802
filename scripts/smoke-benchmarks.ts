// Runs every benchmark on tiny inputs, so that none of them rots. Its figures mean nothing and are not shown.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const benchDir = join(import.meta.dirname, '..', 'bench')
const names = readdirSync(benchDir)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.replace('.bench.ts', ''))
let failedCount = 0
for (const name of names.sort()) {
  const startedAt = performance.now()
  const run = spawnSync(process.execPath, [join(benchDir, 'run.ts'), name, '--smoke', '--json'], { encoding: 'utf8' })
  const lines = run.stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
  const isSound = run.status === 0 && lines.length > 0 && lines.every((line) => isFigure(line))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${name}: ${isSound ? `${lines.length} lines` : 'FAILED'} in ${seconds} s`)
  if (!isSound) {
    failedCount++
    console.log(run.stdout, run.stderr)
  }
}
process.exit(failedCount === 0 && names.length > 0 ? 0 : 1)

/** A figure with a finite value, or a stated reason for skipping. */
function isFigure(line: string): boolean {
  try {
    const parsed = JSON.parse(line)
    return typeof parsed.skipped === 'string' || (typeof parsed.name === 'string' && Number.isFinite(parsed.value))
  } catch {
    return false
  }
}
