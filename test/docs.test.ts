// Goal: what the documentation names exists: types, files, commands, options, routes, metrics, error codes, reasons, generators.
// Method: the pages are read as text and held against the compiler, the command line's own definitions, the server and the catalogues.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterAll, describe, expect, test } from 'vitest'
import { commands } from '../src/cli/commands.ts'
import { itemReasons } from '../src/domain/explained-answer.ts'
import { rejectionReasons } from '../src/domain/rejection.ts'
import { supervisorMetrics } from '../src/http/supervisor-metrics.ts'
import { startTestServer } from '../src/http/testing.ts'
import { errorCatalogue } from '../src/lib/error-catalogue.ts'
import { shortfallOf } from '../src/serving/shortfall.ts'
import { repositoryRoot } from './source-files.ts'

interface Page {
  /** From the repository's root. */
  readonly path: string
  readonly text: string
}

const pageOf = (path: string): Page => ({ path, text: readFileSync(join(repositoryRoot, path), 'utf8') })
const docs = readdirSync(join(repositoryRoot, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.md'))
  .map((file) => `docs/${file.replaceAll('\\', '/')}`)
const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...docs.sort()].map(pageOf)
const guides = pages.filter(({ path }) => path === 'README.md' || path.startsWith('docs/guide/'))

/** What stands in blocks of code and between back quotes. */
const codeIn = (text: string): string =>
  [...text.matchAll(/```[\w-]*\n([\s\S]*?)```|`([^`\n]+)`/g)].map(([, block, span]) => block ?? span).join('\n')
const everyCode = pages.map(({ text }) => codeIn(text)).join('\n')

const compiler = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc')
mkdirSync(join(repositoryRoot, 'build'), { recursive: true })
// Inside the repository, so that `import 'millrace'` finds the package itself; `build/` is ignored by git.
const folder = mkdtempSync(join(repositoryRoot, 'build', 'docs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('every block of TypeScript compiles', () => {
  const blocks = guides.flatMap(({ path, text }) =>
    [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code], i) => ({
      name: `${path.replace(/\W+/g, '-')}${i}`,
      code,
    })),
  )
  expect(blocks.length).toBeGreaterThan(2)
  // The README's system file is the one that other blocks import.
  const system = blocks.find(({ code }) => code!.includes('export default defineSystem'))!
  writeFileSync(join(folder, 'millrace.config.ts'), system.code!)
  // Each block a module, whether or not it imports something.
  for (const { name, code } of blocks) writeFileSync(join(folder, `${name}.ts`), `${code}\nexport {}\n`)
  const project = {
    extends: join(repositoryRoot, 'tsconfig.json'),
    include: [join(folder, '*.ts'), join(repositoryRoot, 'src/kernels/webassembly.d.ts')],
    exclude: [],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
  const { stdout } = spawnSync(process.execPath, [compiler, '--project', folder, '--pretty', 'false'], {
    encoding: 'utf8',
  })
  expect(stdout.split('\n').filter((line) => line.includes(folder.slice(repositoryRoot.length)))).toEqual([])
}, 60_000)

test('every relative link leads to a file, and to a heading or anchor in it', () => {
  const broken = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
      .filter(([, file, anchor]) => {
        const target = file === '' ? path : join(dirname(path), file!)
        if (!existsSync(join(repositoryRoot, target))) return true
        return anchor !== undefined && !anchorsOf(pageOf(target).text).includes(anchor)
      })
      .map(([link]) => `${path}: ${link}`),
  )
  expect(broken).toEqual([])
})

function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id!)]
}

test('no page holds the marks of a merge that nobody ended', () => {
  expect(pages.filter(({ text }) => /^(<{7} |={7}$|>{7} )/m.test(text)).map(({ path }) => path)).toEqual([])
})

test('the list of decisions names every page of one', () => {
  const index = pageOf('docs/decisions/README.md').text
  const decisions = docs.filter((path) => /^docs\/decisions\/\d/.test(path)).map((path) => path.split('/').at(-1)!)
  expect(decisions.filter((name) => !index.includes(`(${name})`))).toEqual([])
})

describe('the command line', () => {
  const loaded = new Map<string, CommandDef>()

  test('has every command and option that is mentioned', async () => {
    for (const { name, load } of commands) loaded.set(name, (await load()).default as CommandDef)
    const http = pageOf('docs/http.md').text
    expect(itemReasons.filter((reason) => !http.includes(`\`${reason}\``))).toEqual([])
    const mentions = [...everyCode.matchAll(/(?<![\w/.-])millrace ([a-z]+(?:-[a-z]+)*)((?: [^\n#|&;)]*)?)/g)].map(
      ([, name, rest]) => ({ name: name!, rest: rest!.trim() }),
    )
    expect(mentions.length).toBeGreaterThan(20)
    const wrong = (await Promise.all(mentions.map(({ name, rest }) => problemsOf(name, rest)))).flat()
    expect(wrong).toEqual([])
  })

  async function problemsOf(name: string, rest: string): Promise<string[]> {
    const entry = loaded.get(name)
    if (entry === undefined) return [`millrace ${name} is no command`]
    const words = rest.split(/\s+/)
    const subCommands = (await resolved(entry.subCommands)) as Record<string, CommandDef> | undefined
    let command = entry
    if (subCommands && /^[a-z]+$/.test(words[0] ?? '')) {
      if (!(words[0]! in subCommands)) return [`millrace ${name} ${words[0]} is no command`]
      command = (await resolved(subCommands[words[0]!])) as CommandDef
    }
    const args = Object.keys(((await resolved(command.args)) ?? {}) as object)
    const known = args.flatMap((arg) => [arg, kebab(arg), `no-${kebab(arg)}`]).concat('help')
    return words
      .filter((word) => word.startsWith('--'))
      .map((word) => word.slice(2).split('=')[0]!)
      .filter((option) => !known.includes(option))
      .map((option) => `millrace ${name} has no option --${option}`)
  }

  const resolved = async (value: unknown): Promise<unknown> => (typeof value === 'function' ? value() : value)
  const kebab = (text: string): string => text.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
})

describe('the server', () => {
  const { server } = startTestServer()

  // src/http/documentation.test.ts holds the tables of docs/http.md to the server in both directions; here are all other mentions.
  test('has every route that is mentioned', async () => {
    const { paths } = (await server.inject('/openapi.json')).json() as { paths: Record<string, object> }
    const actual = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const mentions = [...everyCode.matchAll(/\b((?:(?:GET|POST|PUT|PATCH|DELETE)[|, ]*)+) (\/[\w./{}]+)/g)].flatMap(
      ([, methods, path]) => methods!.match(/[A-Z]+/g)!.map((method) => `${method} ${path}`),
    )
    expect(mentions.length).toBeGreaterThan(10)
    expect(mentions.filter((mention) => !actual.includes(mention))).toEqual([])
    const addresses = [...everyCode.matchAll(/127\.0\.0\.1:7700(\/[\w/-]+)/g)].map(([, path]) => path!)
    expect(addresses.filter((path) => !(path in paths))).toEqual([])
  })

  test('has every metric that is mentioned, of the type that is said', async () => {
    const ofSupervisor = { processes: [], waitingConnectionCount: 0, droppedConnectionCount: 0 }
    const text = `${(await server.inject('/metrics')).body}\n${supervisorMetrics(ofSupervisor)}`
    const types = Object.fromEntries(
      [...text.matchAll(/^# TYPE (millrace_\w+) (\w+)/gm)].map(([, name, type]) => [name, type]),
    )
    const mentions = [...everyCode.matchAll(/\bmillrace_[a-z_]+\b/g)].map(([name]) => name)
    expect(mentions.filter((name) => !(name in types))).toEqual([])
    const rows = [...pageOf('docs/http.md').text.matchAll(/^\| `(millrace_\w+)` \|[^|]*\| (\w+) \|/gm)]
    expect(Object.fromEntries(rows.map(([, name, type]) => [name, type]))).toEqual(types)
  })
})

test('every code in capitals is an error, a reason of the quarantine, or a reason of a short answer', () => {
  const shortfalls = shortfallReasons()
  const known = new Set<string>([...Object.keys(errorCatalogue), ...Object.keys(rejectionReasons), ...shortfalls])
  const elsewhere: readonly string[] = ['MILLRACE_DEBUG', 'SHOP_API_TOKEN', 'SHOP_DATABASE_URL']
  const mentions = [...everyCode.matchAll(/\b[A-Z]+(?:_[A-Z0-9]+)+\b/g)].map(([code]) => code)
  expect(mentions.length).toBeGreaterThan(20)
  expect(mentions.filter((code) => !known.has(code) && ![...elsewhere, ...itemReasons].includes(code))).toEqual([])
  const guide = pageOf('docs/guide/README.md').text
  expect(shortfalls.filter((reason) => !guide.includes(`| \`${reason}\` |`))).toEqual([])
})

/** Each reason, from the narrowing that leads to it. */
function shortfallReasons(): string[] {
  const plenty = {
    askedCount: 5,
    foundCount: 1,
    liveCount: 9,
    onlyCount: 9,
    filterCount: 9,
    excludedCount: 0,
    notInteractedCount: 0,
    wornCount: 0,
    refusedCount: 0,
  }
  const steps = [
    { liveCount: 1 },
    { onlyCount: 1 },
    { filterCount: 1 },
    { excludedCount: 8 },
    { notInteractedCount: 8 },
  ]
  return [...new Set(steps.map((step) => shortfallOf({ ...plenty, ...step })!.reason))]
}

test('the guide explains every generator and every rule that the package exports', () => {
  const guide = pageOf('docs/guide/README.md').text
  const generators = exportsOf('./models/')
  expect(generators.length).toBeGreaterThan(0)
  const described = [...guide.matchAll(/^\| `(\w+)\(\)` \|/gm)].map(([, name]) => name!)
  expect([...generators].filter((name) => !described.includes(name))).toEqual([])
  const rules = exportsOf('./config/rules.ts')
  expect(rules.length).toBeGreaterThan(0)
  expect(rules.filter((name) => !guide.includes(`\`${name}(`))).toEqual([])
})

/** Values that `millrace` exports from files whose path begins so. */
function exportsOf(file: string): string[] {
  const index = readFileSync(join(repositoryRoot, 'src', 'index.ts'), 'utf8')
  return [...index.matchAll(/^export \{([^}]+)\} from '([^']+)'$/gm)]
    .filter(([, , from]) => from!.startsWith(file))
    .flatMap(([, names]) => names!.split(',').map((name) => name.trim()))
    .filter((name) => name !== '' && !name.startsWith('type '))
}
