// Goal: whatever is wrong with a system file, its author reads one message that names the place and the way out.
// Method: real files in a temporary folder, loaded by Node.js itself in a process of its own, as the command line does; a test runner
// would transform them first.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const repository = join(import.meta.dirname, '..', '..')
const root = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-load-')))

beforeAll(() => {
  mkdirSync(join(root, 'node_modules'))
  symlinkSync(repository, join(root, 'node_modules', 'millrace'), 'dir')
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

const program = `
import { describeError, loadSystem, MillraceError } from 'millrace'
try {
  const { plan, generators, folder } = await loadSystem(process.argv[1])
  console.log(JSON.stringify({ name: plan.name, generators: Object.keys(generators), folder }))
} catch (error) {
  console.log(error instanceof MillraceError ? describeError(error) : 'CRASH ' + error.stack)
}`

/** What loading prints: the system as JSON, or the error as the command line would show it. */
function load(path: string, cwd = root): string {
  const args = ['--conditions=millrace-source', '--input-type=module', '--eval', program, path]
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' })
  return stdout.trim() || stderr
}

function write(path: string, content: string): string {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
  return path
}

const valid = (name: string) => `
import { defineSystem, httpIngest } from 'millrace'
const generator = { kind: 'test', options: {}, tunable: {}, with: () => generator, train: async () => ({}), open: () => undefined }
export default defineSystem({
  name: '${name}',
  data: { owner: 'o', entities: { user: {}, item: {} }, interactions: { view: { weight: 1 } }, sources: { web: httpIngest() } },
  training: { owner: 'o', candidates: { cf: generator } },
  serving: { owner: 'o', placements: { home: {} } },
  monitoring: { owner: 'o' },
})
`

describe('loadSystem', () => {
  test('finds the system file in the folder or above, and tells the folder', () => {
    write('shop/millrace.config.ts', valid('shop'))
    mkdirSync(join(root, 'shop', 'data', 'deep'), { recursive: true })
    const expected = JSON.stringify({ name: 'shop', generators: ['cf'], folder: join(root, 'shop') })
    expect(load('shop')).toBe(expected)
    expect(load('.', join(root, 'shop', 'data', 'deep'))).toBe(expected)
    expect(load('shop/millrace.config.ts')).toBe(expected)
  })

  test('accepts plain JavaScript', () => {
    write('plain/millrace.config.mjs', valid('plain'))
    expect(load('plain')).toContain('"name":"plain"')
  })

  test.each<[string, string, RegExp]>([
    [
      'a syntax error in TypeScript',
      'export default {\n  a: 1,,\n}\n',
      /^CONFIG_NOT_LOADED: bad\/millrace.config.ts:2:8: Unexpected token `,`.*\n {4}a: 1,,\n {9}\^\nCorrect the syntax/,
    ],
    [
      'syntax that cannot be stripped',
      'enum A { x }\nexport default A\n',
      /^CONFIG_NOT_LOADED: bad\/millrace.config.ts:1:1: TypeScript enum/,
    ],
    [
      'an import that the package lacks',
      "import { defineSistem } from 'millrace'\nexport default defineSistem({})\n",
      /^CONFIG_NOT_LOADED: bad\/millrace.config.ts:1:\d+: .*export named 'defineSistem'/,
    ],
    [
      'a missing package',
      "import x from 'no-such-package'\nexport default x\n",
      /^CONFIG_NOT_LOADED: bad\/millrace.config.ts: Cannot find package 'no-such-package'.*\nRun "npm install"/,
    ],
    [
      'an exception',
      'const f = () => {\n  throw new Error("boom")\n}\nf()\n',
      /^CONFIG_NOT_LOADED: bad\/millrace.config.ts:2:9: boom\nCorrect/,
    ],
    ['a thrown value that is no error', 'throw 3\n', /^CONFIG_NOT_LOADED: bad\/millrace.config.ts: it threw 3\./],
    [
      'no default export',
      'export const system = 3\n',
      /^CONFIG_NO_SYSTEM: .*it has no default export, expected what defineSystem returns. It exports system\.\nWrite "export default/,
    ],
    [
      'another default export',
      'export default { name: "shop" }\n',
      /^CONFIG_NO_SYSTEM: .*its default export is an object/,
    ],
    [
      'a system that is not valid',
      "import { defineSystem } from 'millrace'\nexport default defineSystem({ name: 'x' } as never)\n",
      /^CONFIG_INVALID: bad\/millrace.config.ts: The system "x" has 4 problems.\n {2}data: found nothing/,
    ],
  ])('%s is told with its place', (_, content, expected) => {
    write('bad/millrace.config.ts', content)
    expect(load('bad')).toMatch(expected)
  })

  test('a syntax error in plain JavaScript is told with its place', () => {
    write('badjs/millrace.config.mjs', 'export default {\n  a: 1 2,\n}\n')
    expect(load('badjs')).toMatch(
      /^CONFIG_NOT_LOADED: badjs\/millrace.config.mjs:2:8: Unexpected number\n {4}a: 1 2,\n/,
    )
  })

  test('a missing file or folder says how to make a project', () => {
    expect(load('nowhere/millrace.config.ts')).toMatch(/^CONFIG_NOT_FOUND: .*\nRun "millrace init"/)
    mkdirSync(join(root, 'empty'))
    expect(load('empty')).toMatch(
      /^CONFIG_NOT_FOUND: There is no millrace.config.ts in .*empty or in a folder above.\nRun "millrace init"/,
    )
  })
})
