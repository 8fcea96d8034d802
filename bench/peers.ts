// Python peers, installed into a throw-away virtual environment under .bench/ the first time a benchmark needs them.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const benchDir = fileURLToPath(new URL('../.bench', import.meta.url))

/** The Python interpreter of an environment holding exactly these pinned packages, or why it cannot be had. */
export function pythonWith(
  requirements: readonly string[],
  log: (line: string) => void,
): { python: string } | { skipped: string } {
  const digest = createHash('sha256').update(requirements.join('\n')).digest('hex').slice(0, 12)
  const environmentDir = join(benchDir, `python-${digest}`)
  const python = join(environmentDir, 'bin', 'python')
  const marker = join(environmentDir, 'installed.txt')
  if (existsSync(marker)) return { python }
  try {
    mkdirSync(benchDir, { recursive: true })
    log(`installing ${requirements.join(', ')} into ${environmentDir}`)
    execFileSync('python3', ['-m', 'venv', environmentDir], { stdio: 'pipe' })
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', ...requirements], { stdio: 'pipe' })
    writeFileSync(marker, requirements.join('\n'))
    return { python }
  } catch (error) {
    return {
      skipped: `the peers ${requirements.join(', ')} could not be installed: ${(error as Error).message.split('\n')[0]}`,
    }
  }
}
