// Makes what npm publishes: src/ compiled to dist/ (JavaScript and declarations), and the kernels. Runs before packing (`prepack`).
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
run(join('scripts', 'build-kernels.ts'))
run(join('node_modules', 'typescript', 'bin', 'tsc'), '--project', 'tsconfig.build.json')
rewriteDeclarations()

function run(...args: string[]): void {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] })
  if (status !== 0) process.exit(status ?? 1)
}

/** The compiler rewrites `./x.ts` to `./x.js` in JavaScript only; a user's compiler may not accept `.ts` in declarations. */
function rewriteDeclarations(): void {
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.d.ts')) continue
    const path = join(dist, file)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace(/((?:from |import\()['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'))
  }
}
