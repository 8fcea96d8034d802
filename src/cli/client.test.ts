// What the command writes, byte for byte; that it means the same as the system file is checked by client-made.test-d.ts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { clientSource } from '../config/client-source.ts'
import client from './client.ts'
import system from './client-system.testing.ts'
import { runCommandLine } from './run-command.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-client-'))
  vi.spyOn(console, 'log').mockImplementation(() => {})
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

const file = join(import.meta.dirname, 'client-system.testing.ts')
// The hash is of the whole plan, which grows; the types are of its names.
const made = readFileSync(join(import.meta.dirname, 'client-made.testing.ts'), 'utf8').replaceAll(
  /\b[0-9a-f]{64}\b/g,
  system.plan.hash,
)
// biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, which only citty looks at.
const command: CommandDef<any> = client
const run = (out: string) => runCommandLine('client', command, ['--system', file, '--out', join(folder, out)])

test('the file is the same every time, names the plan, and is the one whose types are checked', async () => {
  await run('shop.ts')
  await run('again.ts')
  const written = readFileSync(join(folder, 'shop.ts'), 'utf8')
  expect(written).toBe(made)
  expect(readFileSync(join(folder, 'again.ts'), 'utf8')).toBe(written)
  expect(written).toContain(`export const planHash = '${system.plan.hash}'`)
})

test('declarations hold nothing that runs, and the same types', async () => {
  await run('shop.d.ts')
  const declared = readFileSync(join(folder, 'shop.d.ts'), 'utf8')
  expect(declared).not.toContain('export const')
  expect(declared).toContain(system.plan.hash)
  const typesOf = (text: string) => text.slice(text.indexOf('export interface'))
  expect(typesOf(declared)).toBe(typesOf(made))
})

test('names in another order make the same text, and odd ones are quoted', () => {
  const { plan } = system
  const item = { "it's": { type: 'number', isOptional: false }, a: { type: 'text', isOptional: true } } as const
  const of = (names: readonly string[]) =>
    clientSource(
      {
        ...plan,
        data: { ...plan.data, entities: { user: {}, item } },
        serving: {
          ...plan.serving,
          placements: Object.fromEntries(names.map((name) => [name, plan.serving.placements.home!])),
        },
      },
      { isDeclaration: false },
    )
  expect(of(['b', 'a'])).toBe(of(['a', 'b']))
  expect(of(['b', 'a'])).toContain("readonly placement: 'a' | 'b'\n    readonly itemPlacement: never\n")
  expect(of(['b'])).toContain("      readonly a?: string | null\n      readonly 'it\\'s': number\n")
})

test('a file of another kind, or one that cannot be written, is refused', async () => {
  await expect(run('shop.js')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  await expect(run('missing/shop.ts')).rejects.toMatchObject({ code: 'CLIENT_UNWRITABLE' })
})
