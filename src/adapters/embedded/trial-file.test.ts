import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { appendTrial, createTrialFile, readTrialFile } from './trial-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-trials-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('trials come back in their order, and what a crash left half-written is gone', () => {
  const path = join(folder, 'tuning', 'a.jsonl')
  expect(readTrialFile(path)).toBeUndefined()
  createTrialFile(path, { seed: 1 })
  appendTrial(path, { value: 1 })
  appendFileSync(path, '{"value": 2')
  expect(readTrialFile(path)).toEqual({ search: { seed: 1 }, trials: [{ value: 1 }] })
  appendTrial(path, { value: 3 })
  expect(readTrialFile(path)).toEqual({ search: { seed: 1 }, trials: [{ value: 1 }, { value: 3 }] })
  createTrialFile(path, { seed: 2 })
  expect(readTrialFile(path)).toEqual({ search: { seed: 2 }, trials: [] })
})

test('a file that began and a file of something else are told apart', () => {
  const path = join(folder, 'b.jsonl')
  writeFileSync(path, '{"seed"')
  expect(readTrialFile(path)).toBeUndefined()
  writeFileSync(path, 'hello\n')
  expect(() => readTrialFile(path)).toThrow(/b\.jsonl:1: the line is no trial/)
})
