import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

test('this V8 knows the setting: it would complain otherwise, and go on without', () => {
  const file = new URL('./young-objects.ts', import.meta.url).href
  const script = `(await import(${JSON.stringify(file)})).beginYoung(); console.log('done')`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  })
  expect([stdout, stderr]).toEqual(['done\n', ''])
})
