// Packs the package, installs it as a user would (production dependencies only) into a temporary folder, and uses it: the command, the imports,
// the types. Prints one JSON line with the sizes; fails where something does not work or the installation is larger than allowed.
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const MAX_INSTALLED_MEGABYTES = 150

const userFile = `
import { atMost, category, defineSystem, type GeneratorKind, httpIngest } from 'millrace'
import { createCollector } from 'millrace/browser'
import { createClient } from 'millrace/client'

declare const generator: GeneratorKind
const owner = 'me'
const system = defineSystem({
  name: 'shop',
  data: { owner, entities: { user: {}, item: { brand: category() } }, interactions: { view: { weight: 1 } }, sources: { web: httpIngest() } },
  training: { owner, candidates: { cf: generator } },
  serving: { owner, placements: { home: { rules: [atMost(2, { per: 'brand' })] } } },
  monitoring: { owner },
})
defineSystem({
  name: 'shop',
  data: { owner, entities: { user: {}, item: { brand: category() } }, interactions: { view: { weight: 1 } }, sources: { web: httpIngest() } },
  training: { owner, candidates: { cf: generator } },
  // @ts-expect-error items have no "brnad"
  serving: { owner, placements: { home: { rules: [atMost(2, { per: 'brnad' })] } } },
  monitoring: { owner },
})
const client = createClient<typeof system>({ url: 'http://127.0.0.1:7700' })
export const answer = client.recommend({ placement: 'home', userId: 'u1' })
// @ts-expect-error there is no such placement
export const wrong = client.recommend({ placement: 'homee', userId: 'u1' })
const collector = createCollector<typeof system>({ url: 'http://127.0.0.1:7700' })
collector.clicked({ interaction: 'view', itemId: 'i1', requestId: 'r1', position: 1 })
// @ts-expect-error there is no such interaction
collector.clicked({ interaction: 'buy', itemId: 'i1', requestId: 'r1', position: 1 })
`

const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'))
try {
  const packed = JSON.parse(output('npm', ['pack', '--json', '--pack-destination', folder], root))
  // npm 11 reports a list, npm 12 an object by package name.
  const [{ filename, size, files }] = (Array.isArray(packed) ? packed : Object.values(packed)) as [Packed]
  const strays = files
    .map((file) => file.path)
    .filter((path) => /\.test\.|\.test-d\.|\.testing\.|\.tsbuildinfo$/.test(path))
  if (strays.length > 0) fail(`the package holds test files: ${strays.join(', ')}`)

  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  output(
    'npm',
    ['install', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', join(folder, filename)],
    project,
  )
  const installedMegabytes = bytesIn(join(project, 'node_modules')) / 1e6
  const packageCount = readdirSync(join(project, 'node_modules'), { recursive: true, encoding: 'utf8' }).filter(
    (path) => /(^|node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(path),
  ).length

  const program = join(project, 'node_modules', 'millrace', 'bin', 'millrace.js')
  const version = output(process.execPath, [program, '--version'], project).trim()
  output(process.execPath, [program, '--help'], project)
  output(process.execPath, [program, 'init', 'shop', '--yes'], project)
  output(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      "await import('millrace'); await import('millrace/client'); await import('millrace/browser')",
    ],
    project,
  )
  // The system file that init wrote, loaded by the compiled package.
  const load = "import { loadSystem } from 'millrace'; console.log((await loadSystem('shop')).plan.hash)"
  output(process.execPath, ['--input-type=module', '--eval', load], project)

  mkdirSync(join(project, 'node_modules', '@types'), { recursive: true })
  rmSync(join(project, 'node_modules', '@types', 'node'), { recursive: true, force: true })
  symlinkSync(join(root, 'node_modules', '@types', 'node'), join(project, 'node_modules', '@types', 'node'), 'dir')
  writeFileSync(join(project, 'user.ts'), userFile)
  const compilerOptions = { module: 'nodenext', target: 'esnext', strict: true, noEmit: true, types: ['node'] }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['user.ts', 'shop/*.ts'] }))
  output(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc')], project)

  const ok = installedMegabytes <= MAX_INSTALLED_MEGABYTES
  const figures = {
    version,
    packedMegabytes: rounded(size / 1e6),
    fileCount: files.length,
    packageCount,
    installedMegabytes: rounded(installedMegabytes),
    bar: `<= ${MAX_INSTALLED_MEGABYTES}`,
    ok,
  }
  console.log(JSON.stringify(figures))
  if (!ok) fail(`installed size is ${rounded(installedMegabytes)} MB, allowed are ${MAX_INSTALLED_MEGABYTES} MB`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

interface Packed {
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

function output(command: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    return fail(`${command} ${args.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`)
  }
}

function fail(message: string): never {
  console.error(message)
  rmSync(folder, { recursive: true, force: true })
  process.exit(1)
}

function bytesIn(path: string): number {
  const stats = lstatSync(path)
  if (!stats.isDirectory()) return stats.size
  return readdirSync(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0)
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
