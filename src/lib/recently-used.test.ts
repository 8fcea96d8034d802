import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentlyUsed } from './recently-used.ts'

test('what was used last is kept, what was not used the longest goes first', () => {
  const values = new RecentlyUsed<number>(8)
  for (let i = 0; i < 8; i++) values.set(`k${i}`, i, 1)
  expect(values.get('k0')).toBe(0)
  values.set('k8', 8, 1)
  expect(['k0', 'k1', 'k2', 'k3', 'k8'].map((key) => values.has(key))).toEqual([true, false, false, true, true])
})

test('one value above the limit is kept alone', () => {
  const values = new RecentlyUsed<string>(10)
  values.set('a', 'a', 3)
  values.set('b', 'b', 11)
  expect([values.get('a'), values.get('b'), values.size]).toEqual([undefined, 'b', 11])
})

test('the size is that of the values kept, within the limit, and the newest half of it is always there', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 30 }), size: fc.integer({ min: 1, max: 10 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const maxSize = 40
      const values = new RecentlyUsed<number>(maxSize)
      const newestFirst: { key: number; size: number }[] = []
      for (const { key, size } of steps) {
        values.set(`${key}`, key, size)
        const before = newestFirst.findIndex((other) => other.key === key)
        if (before >= 0) newestFirst.splice(before, 1)
        newestFirst.unshift({ key, size })
        const kept = newestFirst.filter((one) => values.has(`${one.key}`))
        expect(values.size).toBe(kept.reduce((sum, one) => sum + one.size, 0))
        expect(values.size).toBeLessThanOrEqual(maxSize)
        let newestSize = 0
        for (const one of newestFirst) {
          newestSize += one.size
          if (newestSize > maxSize / 2) break
          expect(values.has(`${one.key}`)).toBe(true)
        }
      }
    }),
  )
})
