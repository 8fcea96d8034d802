// Examples and tests write `import ... from 'millrace'`, as a user does. Here that must mean the source, not a compiled copy that may be old:
// in the test runner, in Node.js with the condition, and through the program in bin/.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError } from 'millrace'
import { MillraceApiError } from 'millrace/client'
import { expect, test } from 'vitest'
import { MillraceApiError as ApiErrorOfSource } from '../src/client.ts'
import { MillraceError as ErrorOfSource } from '../src/lib/errors.ts'
import { repositoryRoot } from './source-files.ts'

test('in the test runner', () => {
  expect(MillraceError).toBe(ErrorOfSource)
  expect(MillraceApiError).toBe(ApiErrorOfSource)
})

test('in Node.js with --conditions=millrace-source', () => {
  const program = "console.log(import.meta.resolve('millrace'), import.meta.resolve('millrace/client'))"
  const args = ['--conditions=millrace-source', '--input-type=module', '--eval', program]
  const { stdout } = spawnSync(process.execPath, args, { cwd: repositoryRoot, encoding: 'utf8' })
  expect(stdout).toMatch(/^file:\S*\/src\/index\.ts file:\S*\/src\/client\.ts\n$/)
})

test('in a system file that bin/millrace.js loads', () => {
  // Inside examples/, because only there does the package's own name mean the package.
  const folder = mkdtempSync(join(repositoryRoot, 'examples', 'self-reference-'))
  try {
    writeFileSync(join(folder, 'millrace.config.ts'), "throw new Error(import.meta.resolve('millrace'))\n")
    const { stderr } = spawnSync(process.execPath, [join(repositoryRoot, 'bin', 'millrace.js'), 'models', 'list'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(stderr).toMatch(/^CONFIG_NOT_LOADED: millrace\.config\.ts:1:7: file:\S*\/src\/index\.ts\n/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
