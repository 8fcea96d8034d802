// Compiles every AssemblyScript source directly under kernels/ to build/kernels/<name>.wasm, skipping those that are up to date.
// Runs on install (`prepare`) and before the tests, so it must stay quick when nothing changed.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const sourceDir = join(root, 'kernels')
const outputDir = join(root, 'build', 'kernels')

/**
 * Every kernel imports its memory (`env.memory`, shared between threads) and is laid out by the host: no garbage collector, no allocation
 * inside, addresses passed as arguments. `memoryBase` keeps whatever static data a kernel has below the first address the host hands out.
 */
const compilerFlags = [
  '--optimizeLevel',
  '3',
  '--shrinkLevel',
  '0',
  '--converge',
  '--noAssert',
  '--runtime',
  'stub',
  '--importMemory',
  '--sharedMemory',
  '--initialMemory',
  '2',
  '--maximumMemory',
  '65536',
  '--memoryBase',
  '1024',
  '--enable',
  'simd',
  '--enable',
  'relaxed-simd',
  '--enable',
  'threads',
  '--enable',
  'bulk-memory',
]

function sourcesDigest(name: string): string {
  const digest = createHash('sha256').update(compilerFlags.join(' '))
  const shared = existsSync(join(sourceDir, 'lib'))
    ? readdirSync(join(sourceDir, 'lib')).map((file) => join('lib', file))
    : []
  for (const file of [`${name}.ts`, ...shared.sort()]) digest.update(readFileSync(join(sourceDir, file)))
  return digest.digest('hex')
}

function compile(name: string): void {
  // A process of its own, because importing the compiler brings its global types into this project.
  const compiler = join(root, 'node_modules', 'assemblyscript', 'bin', 'asc.js')
  const args = [`${name}.ts`, '--outFile', join(outputDir, `${name}.wasm`), '--baseDir', sourceDir, ...compilerFlags]
  execFileSync(process.execPath, [compiler, ...args], { cwd: sourceDir, stdio: 'inherit' })
}

mkdirSync(outputDir, { recursive: true })
for (const file of readdirSync(sourceDir).filter((entry) => entry.endsWith('.ts'))) {
  const name = basename(file, '.ts')
  const stamp = join(outputDir, `${name}.sha256`)
  const digest = sourcesDigest(name)
  const isFresh =
    existsSync(join(outputDir, `${name}.wasm`)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest
  if (isFresh) continue
  const startedAt = performance.now()
  compile(name)
  writeFileSync(stamp, digest)
  console.log(`compiled kernels/${name}.ts in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
}
