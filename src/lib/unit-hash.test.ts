import { expect, test } from 'vitest'
import { unitHash } from './unit-hash.ts'

// Binomial(n = 100 000, p = 0.01) for each form of ids: sigma is 31.5. Five sigma: a sound hash fails for fewer than one form in a million; the ids
// are fixed.
test('a share of 1 % gets 1 % of running ids, whatever their form', () => {
  for (const prefix of ['', 'u', 'user-0000', 'https://shop.example/p/', '\u{1f600}']) {
    let count = 0
    for (let n = 0; n < 100_000; n++) if (unitHash(`${prefix}${n}`) < 0.01) count++
    expect(Math.abs(count - 1000), prefix).toBeLessThan(5 * Math.sqrt(100_000 * 0.01 * 0.99))
  }
})

test('the same text gives the same number, in [0, 1)', () => {
  for (const text of ['', 'a', 'é', 'x'.repeat(10_000)]) {
    expect(unitHash(text)).toBe(unitHash(text))
    expect(unitHash(text)).toBeGreaterThanOrEqual(0)
    expect(unitHash(text)).toBeLessThan(1)
  }
})
