import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

it('is that of this process, and not of a larger one that started it', () => {
  // Larger than the child ever is.
  const block = new Uint8Array(300 * 2 ** 20).fill(1)
  const script = `
    const { peakMemoryMb } = await import(${JSON.stringify(new URL('./peak-memory.ts', import.meta.url).href)})
    const before = peakMemoryMb()
    const block = new Uint8Array(100 * 2 ** 20).fill(1)
    console.log(before, peakMemoryMb(), block.length)`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  const [before, after] = stdout.split(' ').map(Number) as [number, number]
  expect(block.length).toBeGreaterThan(0)
  expect(before).toBeGreaterThan(20)
  expect(before).toBeLessThan(250)
  expect(after).toBeGreaterThan(before + 80)
})
