import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { removeAbandoned } from './abandoned.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-abandoned-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const DAY_MS = 86_400_000
const NOW_MS = Date.UTC(2026, 5, 1)

test('what was not touched for a day goes, folders with what is in them, and all else stays', async () => {
  for (const [name, ageMs] of [
    ['old', DAY_MS + 1000],
    ['young', DAY_MS - 1000],
  ] as const) {
    mkdirSync(join(folder, `${name}-folder`))
    writeFileSync(join(folder, `${name}-folder`, 'part'), 'x')
    writeFileSync(join(folder, `${name}.parquet`), 'x')
    for (const path of [`${name}-folder`, `${name}.parquet`]) {
      utimesSync(join(folder, path), new Date(NOW_MS - ageMs), new Date(NOW_MS - ageMs))
    }
  }
  await removeAbandoned(folder, NOW_MS)
  expect(readdirSync(folder).sort()).toEqual(['young-folder', 'young.parquet'])
  await removeAbandoned(join(folder, 'nowhere'), NOW_MS)
})
