import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterAll, expect, test } from 'vitest'
import importance from './importance.ts'
import { runCommandLine } from './run-command.ts'

const data = mkdtempSync(join(tmpdir(), 'millrace-importance-command-'))
afterAll(() => rmSync(data, { recursive: true, force: true }))
const system = join(import.meta.dirname, '..', '..', 'examples', 'online-retail')
const run = (...args: string[]): Promise<void> =>
  runCommandLine('importance', importance as CommandDef, [...args, '--data', data, '--system', system])

test('options of a measurement without one are refused, not passed over', async () => {
  for (const option of ['--k=5', '--test-share=0.1', '--split-at=2026-01-31', '--questions=9', '--threads=1']) {
    await expect(run(option), option).rejects.toMatchObject({
      code: 'CLI_USAGE',
      fix: expect.stringContaining('--permutation'),
    })
  }
  await expect(run('--permutation', '--test-share', '2')).rejects.toMatchObject({ code: 'CLI_USAGE' })
})

test('without a model, and for a version that is not there, it says which models there are', async () => {
  for (const args of [[], ['--permutation'], ['20260101-000000-00000000', '--leave-one-out']]) {
    await expect(run(...args), args.join(' ')).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      fix: expect.stringContaining('millrace models'),
    })
  }
})
