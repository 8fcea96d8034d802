// Goal: the house keeps its shape: who may import whom, what stays out of the pure middle, what every adapter and every error code comes with.
// Method: the sources are read as text; no rule here needs a compiler.
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorDocs } from '../scripts/build-error-docs.ts'
import { errorCatalogue } from '../src/lib/error-catalogue.ts'
import {
  type Import,
  importsOf,
  repositoryRoot,
  type SourceFile,
  sourceFiles,
  withoutComments,
} from './source-files.ts'

const rankByPlace: Readonly<Record<string, number>> = {
  lib: 0,
  domain: 1,
  kernels: 1,
  delta: 1,
  ports: 2,
  config: 3,
  adapters: 3,
  models: 3,
  data: 4,
  training: 4,
  serving: 4,
  monitoring: 4,
  rollout: 4,
  http: 5,
  'app.ts': 6,
  app: 6,
  client: 7,
  cli: 7,
  'index.ts': 7,
  'client.ts': 7,
  'testing.ts': 7,
}

/** `src/data/ingest.ts` is in `data`; `src/app.ts` and `src/app/serve.ts` belong together, as do `client.ts` and `client/`. */
const placeOf = (path: string): string => path.split('/')[1]!
const householdOf = (path: string): string => placeOf(path).replace(/\.ts$/, '')
const isTest = (path: string): boolean => /\.(test|test-d|contract|testing)\.ts$|\/testing\.ts$/.test(path)

const source = sourceFiles('src')
const product = source.filter(({ path }) => !isTest(path))
const everything = [...source, ...sourceFiles('test', 'bench', 'scripts', 'examples')]

describe('the dependency rule', () => {
  test('every place under src/ has a rank', () => {
    expect(product.map(({ path }) => placeOf(path)).filter((place) => !(place in rankByPlace))).toEqual([])
  })

  test('a file imports only from a lower rank or from its own folder', () => {
    const rank = (path: string) => rankByPlace[placeOf(path)] ?? Number.NaN
    const violations = product.flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => target?.startsWith('src/') && householdOf(target) !== householdOf(file.path))
        .filter(({ target }) => !(rank(target!) < rank(file.path)))
        .map(({ target }) => `${file.path} (rank ${rank(file.path)}) imports ${target} (rank ${rank(target!)})`),
    )
    expect(violations).toEqual([])
  })

  test('nothing in src/ imports from outside of it, tests apart', () => {
    const strays = product.flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => target !== undefined && !target.startsWith('src/'))
        .map(({ target }) => `${file.path} imports ${target}`),
    )
    expect(strays).toEqual([])
  })

  test('there are no cycles, not even of types', () => {
    expect(cyclesIn(new Map(product.map((file) => [file.path, targetsOf(file)])))).toEqual([])
  })

  test('only the app, the command line, tests, benchmarks and examples import an adapter', () => {
    const mayImport = /^src\/(app\.ts|app\/|cli\/|index\.ts|adapters\/)/
    const violations = product
      .filter(({ path }) => !mayImport.test(path))
      .flatMap((file) =>
        targetsOf(file)
          .filter((target) => target.startsWith('src/adapters/'))
          .map((target) => `${file.path} imports ${target}`),
      )
    expect(violations).toEqual([])
  })

  test('one system’s adapters do not import another system’s', () => {
    const systemOf = (path: string) => path.split('/')[2]
    // No system of its own: the queries over Kysely that the SQL databases have in common.
    const isCommonGround = (path: string) => systemOf(path) === 'kysely'
    const violations = product
      .filter(({ path }) => path.startsWith('src/adapters/'))
      .flatMap((file) =>
        targetsOf(file)
          .filter((target) => target.startsWith('src/adapters/') && !isCommonGround(target))
          .filter((target) => systemOf(target) !== systemOf(file.path))
          .map((target) => `${file.path} imports ${target}`),
      )
    expect(violations).toEqual([])
  })

  test('the client needs neither a package nor Node.js, so that a browser can load it', () => {
    const { paths, imports } = loadedWith('src/client.ts')
    const strays = imports.filter(({ target }) => target === undefined || !/^src\/(client|lib)[/.]/.test(target))
    expect(strays.map(({ path, specifier }) => `${path} imports ${specifier}`)).toEqual([])
    expect(paths.length).toBeGreaterThan(1)
  })

  test('the collector of a page is one file, so that a page can load it as it is', () => {
    expect(loadedWith('src/client/browser.ts').imports).toEqual([])
  })

  test('a system file loads words alone, neither the app nor a database nor the server, so that a command begins fast', () => {
    const { paths, imports } = loadedWith('src/index.ts')
    const packages = imports.filter(({ target, specifier }) => target === undefined && !specifier.startsWith('node:'))
    expect([...new Set(packages.map(({ specifier }) => specifier))]).toEqual(['croner'])
    expect(paths.filter((path) => /^src\/(app|http|data|serving|cli)[/.]/.test(path))).toEqual(['src/app/programs.ts'])
    expect(paths).toContain('src/config/define-system.ts')
  })

  test('opening an app loads no SQL database, which few commands ask', () => {
    const { paths, imports } = loadedWith('src/app.ts')
    expect(imports.filter(({ target, specifier }) => target === undefined && /kysely|duckdb/.test(specifier))).toEqual(
      [],
    )
    expect(paths).toContain('src/adapters/embedded/event-log.ts')
  })
})

/** What comes with a file as soon as it is imported. */
function loadedWith(entry: string) {
  const byPath = new Map(product.map((file) => [file.path, file]))
  const paths = new Set([entry])
  const imports: (Import & { readonly path: string })[] = []
  for (const path of paths) {
    for (const found of importsOf(byPath.get(path)!)) {
      if (found.isTypeOnly || found.isDynamic) continue
      imports.push({ ...found, path })
      if (found.target !== undefined) paths.add(found.target)
    }
  }
  return { paths: [...paths], imports }
}

describe('the pure middle', () => {
  const banned = /\b(?:Date\.now|Math\.random|setTimeout|setInterval|process\.env|console)\b|\bnew Date\(\)/
  /** Places at the edge, and why a file elsewhere may. */
  const edges = /^src\/(lib|cli|adapters|client)\/|^src\/(client|testing)\.ts$/
  const exceptions: Readonly<Record<string, string>> = {
    'src/kernels/threads.ts': 'Starts and stops real threads.',
  }

  test('takes time, randomness, environment and output as arguments', () => {
    const violations = product
      .filter(({ path }) => !edges.test(path) && !(path in exceptions))
      .flatMap(({ path, code }) =>
        code
          .split('\n')
          .flatMap((line, i) => (banned.test(withoutStrings(line)) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
      )
    expect(violations).toEqual([])
  })
})

describe('adapters', () => {
  const adapters = product.filter(({ path }) => path.startsWith('src/adapters/'))
  const ports = product.filter(({ path }) => path.startsWith('src/ports/')).map(({ path }) => posix.basename(path))

  test('every adapter of a port has a test beside it', () => {
    const ofPorts = adapters.filter(({ path }) => ports.includes(posix.basename(path)))
    expect(ofPorts.length).toBeGreaterThan(0)
    const untested = ofPorts
      .map(({ path }) => path)
      .filter(
        (path) =>
          !['.test.ts', '.integration.test.ts'].some((ending) =>
            existsSync(join(repositoryRoot, path.replace(/\.ts$/, ending))),
          ),
      )
    expect(untested).toEqual([])
  })

  test('every system has a page that names each of its ports', () => {
    for (const { path } of adapters.filter(({ path }) => ports.includes(posix.basename(path)))) {
      const page = join(repositoryRoot, 'docs', 'adapters', `${path.split('/')[2]}.md`)
      expect(existsSync(page), page).toBe(true)
      expect(readFileSync(page, 'utf8')).toContain(posix.basename(path, '.ts'))
    }
  })
})

describe('errors', () => {
  const codes = Object.keys(errorCatalogue)

  test('the page lists exactly the catalogue', () => {
    const page = readFileSync(join(repositoryRoot, 'docs', 'errors.md'), 'utf8')
    expect(page, 'Run "node scripts/build-error-docs.ts".').toBe(errorDocs(errorCatalogue))
  })

  test('every code of the catalogue is used, and so is no other', () => {
    const used = new Set<string>()
    for (const { path, code } of product) {
      if (path === 'src/lib/error-catalogue.ts') continue
      for (const [, text] of code.matchAll(/['"]([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)['"]/g)) used.add(text!)
      for (const [, text] of code.matchAll(/['"](INTERNAL)['"]/g)) used.add(text!)
    }
    expect(codes.filter((code) => !used.has(code))).toEqual([])
    // The other direction is the compiler's: MillraceError takes an ErrorCode and nothing else. That no file gets around it is checked here.
    const thrown = product.flatMap(({ path, code }) =>
      [...code.matchAll(/new MillraceError\(\s*(['"])(\w+)\1/g)]
        .filter(([, , name]) => !codes.includes(name!))
        .map(([, , name]) => `${path}: ${name}`),
    )
    expect(thrown).toEqual([])
    expect(
      product.filter(({ code }) => /as ErrorCode\b|@ts-ignore|@ts-nocheck/.test(code)).map(({ path }) => path),
    ).toEqual([])
  })
})

describe('notes', () => {
  test('a TODO names an issue, or a version that has not been reached', () => {
    const { version } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'))
    const wrong = everything.flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, i) => (isDueNote(line, version) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
    )
    expect(wrong).toEqual([])
  })

  test('no file is called for everything and nothing', () => {
    const vague = everything
      .map(({ path }) => path)
      .filter((path) => /(^|\/)(utils?|helpers?|common|misc|shared|manager|services?)(\/|\.ts$)/.test(path))
    // The programs that start services for the service tests are named for just that.
    expect(vague.filter((path) => !/^scripts\/services(\/|\.ts$)/.test(path))).toEqual([])
  })
})

describe('the scanner that these checks rest on', () => {
  const scan = (text: string): SourceFile => ({ path: 'src/data/x.ts', text, code: withoutComments(text) })

  test('finds imports, re-exports and dynamic imports, and knows types', () => {
    const found = importsOf(
      scan(
        "import type { A } from '../lib/a.ts'\nimport b, {\n  c,\n} from './b.ts'\nexport * from \"fastify\"\nimport './d.ts'\n// import x from './no.ts'\nconst e = await import('./e.ts')\nconst text = `from 'x'`\n",
      ),
    )
    expect(found).toEqual([
      { specifier: '../lib/a.ts', target: 'src/lib/a.ts', isTypeOnly: true, isDynamic: false },
      { specifier: './b.ts', target: 'src/data/b.ts', isTypeOnly: false, isDynamic: false },
      { specifier: 'fastify', target: undefined, isTypeOnly: false, isDynamic: false },
      { specifier: './d.ts', target: 'src/data/d.ts', isTypeOnly: false, isDynamic: false },
      { specifier: './e.ts', target: 'src/data/e.ts', isTypeOnly: false, isDynamic: true },
    ])
  })

  test('finds every import statement that the sources hold', () => {
    for (const file of product) {
      const written = file.code.match(/\bfrom '[^']+'$/gm)?.length ?? 0
      expect(importsOf(file).length, file.path).toBeGreaterThanOrEqual(written)
    }
  })

  test('keeps an address in a string and drops a comment', () => {
    expect(withoutComments("const url = 'http://x' // console.log")).toMatch(/^const url = 'http:\/\/x' +$/)
  })

  test('finds a cycle', () => {
    const cycles = cyclesIn(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['a', 'd']],
        ['d', []],
      ]),
    )
    expect(cycles).toEqual(['a -> b -> c -> a'])
  })

  test('knows when a note is due', () => {
    const note = (text: string) => isDueNote(`// ${'TO'}${'DO'}${text}`, '0.9.1')
    expect([note('(#12): x'), note('(v0.10): x'), note('(v0.9): x'), note(': x')]).toEqual([false, false, true, true])
  })
})

function targetsOf(file: SourceFile): string[] {
  return importsOf(file).flatMap(({ target }) => (target === undefined ? [] : [target]))
}

/** Each cycle once, as the path that closes it. Depth first. */
function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (node: string, trail: readonly string[]): void => {
    const at = trail.indexOf(node)
    if (at !== -1) cycles.push([...trail.slice(at), node].join(' -> '))
    if (at !== -1 || done.has(node)) return
    for (const next of graph.get(node) ?? []) visit(next, [...trail, node])
    done.add(node)
  }
  for (const node of graph.keys()) visit(node, [])
  return cycles
}

function isDueNote(line: string, version: string): boolean {
  const note = /\b(?:TODO|FIXME|XXX)\b(\((?:#\d+|v(\d+)\.(\d+))\))?/.exec(line)
  if (!note || !/\/\/|\/?\*/.test(line.slice(0, note.index))) return false
  if (note[1] === undefined) return true
  if (note[2] === undefined) return false
  const [major, minor] = version.split('.').map(Number)
  return Number(note[2]) < major! || (Number(note[2]) === major && Number(note[3]) <= minor!)
}

function withoutStrings(line: string): string {
  return line.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, "''")
}
