// Goal: what `millrace init` writes is a working project. Method: write one into a temporary folder, link this repository as its `millrace`,
// and let the compiler and the loader judge it.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { writeProject } from './new-project.ts'
import { sampleShop } from './sample-shop.ts'

const repository = join(import.meta.dirname, '..', '..')
const root = mkdtempSync(join(tmpdir(), 'millrace-init-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const nowMs = Date.UTC(2026, 0, 1)
const program = join(repository, 'bin', 'millrace.js')

function node(args: readonly string[], cwd: string) {
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' })
  return { output: stdout + stderr, status }
}

/** What the compiler has against the project's own files. */
function typeErrors(folder: string): readonly string[] {
  const compiler = join(repository, 'node_modules', 'typescript', 'bin', 'tsc')
  const { output } = node([compiler, '--customConditions', 'millrace-source'], folder)
  return output.split('\n').filter((line) => /^\w[^.]*\.config\.ts/.test(line))
}

describe('millrace init', () => {
  test('writes a project that type-checks and whose system loads', () => {
    const { output, status } = node([program, 'init', 'corner-shop', '--owner', 'ann@shop.example'], root)
    expect(status, output).toBe(0)
    expect(output).toContain('npm run import')
    const folder = join(root, 'corner-shop')
    mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true })
    symlinkSync(repository, join(folder, 'node_modules', 'millrace'), 'dir')
    symlinkSync(
      join(repository, 'node_modules', '@types', 'node'),
      join(folder, 'node_modules', '@types', 'node'),
      'dir',
    )

    const file = join(folder, 'millrace.config.ts')
    const system = readFileSync(file, 'utf8')
    // That the compiler looks at all, and that a mistyped name is found before anything runs.
    writeFileSync(join(folder, 'mistyped.config.ts'), system.replace("per: 'category'", "per: 'categroy'"))
    expect(typeErrors(folder)).toEqual([expect.stringMatching(/^mistyped\.config\.ts.*"categroy"/)])

    const load = "import { loadSystem } from 'millrace'; console.log(JSON.stringify((await loadSystem()).plan))"
    const loaded = node(['--conditions=millrace-source', '--input-type=module', '--eval', load], folder)
    expect(loaded.status, loaded.output).toBe(0)
    const plan = JSON.parse(loaded.output)
    expect(plan.name).toBe('corner-shop')
    for (const component of ['data', 'training', 'serving', 'monitoring'])
      expect(plan[component].owner).toBe('ann@shop.example')
    for (const source of Object.values<{ path?: string; columns?: Record<string, string> }>(plan.data.sources)) {
      if (source.path === undefined) continue
      const header = readFileSync(join(folder, source.path), 'utf8').split('\n')[0]!.split(',')
      for (const column of Object.values(source.columns!)) expect(header).toContain(column)
    }
  })

  test('every placeholder of the template is filled in', () => {
    const folder = join(root, 'filled')
    const files = writeProject({ folder, name: 'filled', owner: 'ann', nowMs })
    expect(files).toContain('.gitignore')
    for (const file of files) expect(readFileSync(join(folder, file), 'utf8')).not.toContain('{{')
    expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name).toBe('filled')
  })

  test('an owner with a quote does not break the system file', () => {
    const { status } = node([program, 'init', 'quoted', "--owner=O'Neil\\n"], root)
    expect(status).toBe(0)
    expect(readFileSync(join(root, 'quoted', 'millrace.config.ts'), 'utf8')).toContain("owner: 'ONeiln'")
  })

  test('a folder that holds one of the files is left as it is', () => {
    const folder = join(root, 'taken')
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), '{}')
    const { output, status } = node([program, 'init', 'taken'], root)
    expect(output).toMatch(
      /^INIT_WOULD_OVERWRITE: .*taken already holds package.json. Nothing was written.\nChoose an empty folder/,
    )
    expect(status).toBe(73)
    expect(readdirSync(folder)).toEqual(['package.json'])
    expect(readFileSync(join(folder, 'package.json'), 'utf8')).toBe('{}')
  })

  test('a place that is no folder is told', () => {
    writeFileSync(join(root, 'file'), '')
    expect(node([program, 'init', 'file'], root).output).toMatch(/^INIT_WOULD_OVERWRITE: .*file is a file/)
    const below = node([program, 'init', 'file/shop'], root)
    expect(below.output).toMatch(/^INIT_CANNOT_WRITE: .*ENOTDIR/)
    expect(below.status).toBe(73)
  })
})

describe('the sample shop', () => {
  const rowsOf = (csv: string) =>
    csv
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','))

  test('is the same for the same seed and end', () => {
    expect(sampleShop(1, nowMs)).toEqual(sampleShop(1, nowMs))
    expect(sampleShop(2, nowMs)['interactions.csv']).not.toBe(sampleShop(1, nowMs)['interactions.csv'])
  })

  test('names only its own users and items, in the order of time, all before its end', () => {
    const shop = sampleShop(1, nowMs)
    const items = new Set(rowsOf(shop['items.csv']).map(([id]) => id))
    const users = new Set(rowsOf(shop['users.csv']).map(([id]) => id))
    let previousMs = 0
    for (const [time, user, item] of rowsOf(shop['interactions.csv'])) {
      expect(users.has(user) && items.has(item)).toBe(true)
      const timeMs = Date.parse(time!)
      expect(timeMs).toBeGreaterThanOrEqual(previousMs)
      expect(timeMs).toBeLessThan(nowMs)
      previousMs = timeMs
    }
  })

  test('a user likes two categories, which is what a model can learn', () => {
    const countsByUser = new Map<string, Map<string, number>>()
    for (const [, user, item] of rowsOf(sampleShop(1, nowMs)['interactions.csv'])) {
      const counts = countsByUser.get(user!) ?? new Map<string, number>()
      const category = item!.split('-')[0]!
      countsByUser.set(user!, counts.set(category, (counts.get(category) ?? 0) + 1))
    }
    let likedCount = 0
    let totalCount = 0
    for (const counts of countsByUser.values()) {
      const descending = [...counts.values()].sort((a, b) => b - a)
      likedCount += descending[0]! + (descending[1] ?? 0)
      totalCount += descending.reduce((sum, count) => sum + count, 0)
    }
    // Nine views in ten are within the taste, and curiosity hits it by chance: about 0.93.
    expect(likedCount / totalCount).toBeGreaterThan(0.9)
  })
})
