// Goal: the type tests (`*.test-d.ts`) are really checked, also by `npm test`, and a large system file is no burden to an editor.
// Method: the compiler itself, on the type tests and on a made file.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { repositoryRoot, sourceFiles } from './source-files.ts'

const compiler = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc')
// Inside the repository, so that `import 'millrace'` finds the package itself; `build/` is ignored by git.
mkdirSync(join(repositoryRoot, 'build'), { recursive: true })
const folder = mkdtempSync(join(repositoryRoot, 'build', 'types-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const typeTests = sourceFiles('src').filter(({ path }) => path.endsWith('.test-d.ts'))
const rightText = readFileSync(join(repositoryRoot, 'src/config/define-system.test-d.ts'), 'utf8')
  .replaceAll("'../", "'../../src/")
  .replaceAll("'./", "'../../src/config/")
const madeFiles = {
  'right.ts': rightText,
  'wrong.ts': rightText.replace("per: 'brnad'", "per: 'brand'"),
  'large.ts': largeSystem("atMost(2, { per: 'attribute199' })"),
  'large-wrong.ts': largeSystem('inStock()'),
}

// All at once, with the repository's options: most of the time goes into the package's own sources, which they have in common.
const { lines, seconds } = compile()

function compile() {
  for (const [name, content] of Object.entries(madeFiles)) writeFileSync(join(folder, name), content)
  const project = join(folder, 'tsconfig.json')
  const config = {
    extends: join(repositoryRoot, 'tsconfig.json'),
    include: [],
    files: [
      ...typeTests.map(({ path }) => join(repositoryRoot, path)),
      ...Object.keys(madeFiles).map((name) => join(folder, name)),
      join(repositoryRoot, 'src/kernels/webassembly.d.ts'),
    ],
    exclude: [],
  }
  writeFileSync(project, JSON.stringify(config))
  const startedAt = performance.now()
  const { stdout } = spawnSync(process.execPath, [compiler, '--project', project, '--pretty', 'false'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
  })
  return { lines: stdout.split('\n'), seconds: (performance.now() - startedAt) / 1000 }
}

/** Of one file, by the end of its path. Other files of the repository are `npm run types`' business. */
const errorsOf = (path: string): string[] =>
  lines.filter((line) => line.slice(0, line.indexOf('(')).endsWith(path.includes('/') ? path : `/${path}`))

test('there are type tests', () => {
  expect(typeTests.length).toBeGreaterThan(0)
})

test.each(typeTests.map(({ path }) => path))('%s compiles, and what must not compile does not', (path) => {
  expect(errorsOf(path)).toEqual([])
})

test('a type test that expects an error where there is none fails', () => {
  expect(errorsOf('right.ts')).toEqual([])
  expect(errorsOf('wrong.ts')).toEqual([expect.stringContaining("Unused '@ts-expect-error' directive")])
})

test('a system of 200 attributes and 50 sources is checked in seconds', () => {
  expect(errorsOf('large.ts')).toEqual([])
  // Measured: 0.6 s on two cores, the package's own sources included; a system of one attribute takes the same within the noise.
  expect(seconds).toBeLessThan(60)
  expect(errorsOf('large-wrong.ts')).toHaveLength(1)
})

function largeSystem(lastRule: string): string {
  const names = Array.from({ length: 200 }, (_, i) => `attribute${i}`)
  const columns = names.map((name) => `${name}: '${name}'`).join(', ')
  return `
import { atMost, category, defineSystem, fileSource, ials, inStock, notInteracted } from 'millrace'
const owner = 'me'
export default defineSystem({
  name: 'large',
  data: {
    owner,
    entities: { user: {}, item: { ${names.map((name) => `${name}: category()`).join(', ')} } },
    interactions: { ${names
      .slice(0, 20)
      .map((_, i) => `kind${i}: { weight: 1 }`)
      .join(', ')} },
    sources: { ${Array.from({ length: 50 }, (_, i) => `source${i}: fileSource({ path: 'items.csv', holds: 'item', columns: { entityId: 'id', ${columns} } })`).join(',\n')} },
  },
  training: { owner, candidates: { cf: ials() } },
  serving: { owner, placements: { ${Array.from({ length: 50 }, (_, i) => `place${i}: { rules: [atMost(2, { per: 'attribute${i}' }), notInteracted('kind3', '1 day')] }`).join(',\n')}, last: { rules: [${lastRule}] } } },
  monitoring: { owner },
})
`
}
