// npm run check: everything about the repository that can be judged without running it, side by side, in well under a minute. What fails is
// shown in full, what passes in a line.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Outcome {
  readonly isFine: boolean
  readonly output: string
}

/** Chains run side by side, the checks of one chain after each other. */
const chains: readonly (readonly [name: string, check: () => Promise<Outcome>][])[] = [
  [
    [
      'format and lint',
      program('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '--max-diagnostics=50', '.'),
    ],
    [
      "the README's figures are the recorded ones",
      () => run(process.execPath, [join(root, 'scripts', 'build-readme-figures.ts'), '--check']),
    ],
  ],
  [
    ['types', program('typescript/bin/tsc', '--noEmit')],
    ['package: build', () => run(process.execPath, [join(root, 'scripts', 'build-package.ts')])],
    ['package: exports and types', checkPackage],
  ],
  [
    ['dead code', program('knip/bin/knip.js', '--no-progress', '--treat-config-hints-as-errors')],
    [
      'dependency rule and the rest of the house',
      program('vitest/vitest.mjs', 'run', '--reporter=dot', 'test/tidy.test.ts'),
    ],
  ],
]

const startedAt = performance.now()
const failures: string[] = []
await Promise.all(chains.map(runChain))
console.log(`${failures.length === 0 ? 'All fine' : `Failed: ${failures.join(', ')}`}, ${secondsSince(startedAt)} s`)
process.exit(failures.length === 0 ? 0 : 1)

async function runChain(chain: (typeof chains)[number]): Promise<void> {
  for (const [name, check] of chain) {
    const checkStartedAt = performance.now()
    const { isFine, output } = await check()
    console.log(`${isFine ? 'ok    ' : 'FAILED'} ${name}, ${secondsSince(checkStartedAt)} s`)
    if (isFine) continue
    failures.push(name)
    console.log(output.trimEnd())
  }
}

/** A program of an installed package, run with this Node.js. */
function program(path: string, ...args: readonly string[]): () => Promise<Outcome> {
  return () => run(process.execPath, [join(root, 'node_modules', path), ...args])
}

function run(command: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', (error) => resolve({ isFine: false, output: error.message }))
    child.on('close', (code) => resolve({ isFine: code === 0, output }))
  })
}

/** The package as npm would publish it, judged by publint. */
async function checkPackage(): Promise<Outcome> {
  const { messages, pkg } = await publint({ pkgDir: root, level: 'warning', strict: true, pack: 'npm' })
  return { isFine: messages.length === 0, output: messages.map((message) => formatMessage(message, pkg)).join('\n') }
}

function secondsSince(momentMs: number): string {
  return ((performance.now() - momentMs) / 1000).toFixed(1)
}
