import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRng } from './rng.ts'
import { timeOrderedId } from './time-ordered-id.ts'
import { unitHash } from './unit-hash.ts'

test('the example of RFC 9562, appendix A.6', () => {
  const atMs = Date.UTC(2022, 1, 22, 19, 22, 22)
  expect(timeOrderedId(atMs, '00000000-0000-4cc3-98c4-dc0c0c07398f')).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')
})

test('is a UUID of version 7 whose order is that of time, whatever is random', () => {
  const moment = fc.integer({ min: 0, max: 2 ** 48 - 1 })
  fc.assert(
    fc.property(moment, moment, fc.uuid({ version: 4 }), fc.uuid({ version: 4 }), (a, b, randomA, randomB) => {
      const id = timeOrderedId(a, randomA)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(a)
      expect(id.slice(15)).toBe(randomA.slice(15))
      if (a !== b) expect(id < timeOrderedId(b, randomB)).toBe(a < b)
    }),
  )
})

// What goes by request ids draws by a hash of them, and these share their first third. Binomial(n = 10 000, p): five sigma on either side; a sound hash is beyond it in one run of
// 800,000 for each of the four, which is why the ids are fixed: their random parts come from a seed.
test('a share of consecutive ids is what it says, by hash and by seeded draws', () => {
  const rng = seededRng('ids')
  const hexDigits = () => Array.from({ length: 12 }, () => rng.integer(16).toString(16)).join('')
  const ids = Array.from({ length: 10_000 }, (_, n) => {
    const [a, b] = [hexDigits(), hexDigits()]
    return timeOrderedId(
      1_790_000_000_000 + n,
      `${a.slice(0, 8)}-${a.slice(8)}-4${b.slice(0, 3)}-8${b.slice(3, 6)}-${hexDigits()}`,
    )
  })
  for (const share of [0.01, 0.5]) {
    const tolerance = 5 * Math.sqrt(10_000 * share * (1 - share))
    for (const draw of [unitHash, (id: string) => seededRng(id).next()]) {
      const count = ids.filter((id) => draw(id) < share).length
      expect(Math.abs(count - 10_000 * share)).toBeLessThan(tolerance)
    }
  }
})

test('two ids of one moment differ', () => {
  const ids = new Set(Array.from({ length: 1000 }, () => timeOrderedId(1, randomUUID())))
  expect(ids.size).toBe(1000)
})
