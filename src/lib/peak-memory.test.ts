import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { peakMemoryMb } from './peak-memory.ts'

it('is that of this process, and not of a larger one that started it', () => {
  const before = peakMemoryMb()
  const block = new Uint8Array(300 * 2 ** 20).fill(1)
  expect(peakMemoryMb()).toBeGreaterThan(Math.max(before, 300))
  const script = `console.log((await import(${JSON.stringify(new URL('./peak-memory.ts', import.meta.url).href)})).peakMemoryMb())`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  expect(block.length).toBeGreaterThan(0)
  expect(Number(stdout)).toBeGreaterThan(20)
  expect(Number(stdout)).toBeLessThan(250)
})
