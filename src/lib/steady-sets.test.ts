import { expect, test } from 'vitest'
import { KeptBySet, type SteadySet } from './steady-sets.ts'

const bare = (version: number): SteadySet => ({ version, withheld: new Int32Array(4), withheldCount: 0 })

function counted() {
  const kept = new KeptBySet<number>()
  let workCount = 0
  const of = (words: Uint32Array, steady: SteadySet): number | undefined =>
    kept.of(words, steady, (whole) => {
      workCount++
      return whole[0]! + (whole[1] ?? 0)
    })
  return { of, workCount: () => workCount }
}

test('nothing is worked out for a set that comes once, and once for one that comes again', () => {
  const { of, workCount } = counted()
  const words = Uint32Array.of(5, 1)
  expect([of(words, bare(0)), workCount()]).toEqual([undefined, 0])
  expect([of(words, bare(0)), of(words, bare(0)), workCount()]).toEqual([6, 6, 1])
  expect([of(Uint32Array.of(5, 1), bare(0)), workCount()]).toEqual([undefined, 1])
})

test('a set that has changed is another set', () => {
  const { of, workCount } = counted()
  const words = Uint32Array.of(5)
  of(words, bare(0))
  expect(of(words, bare(0))).toBe(5)
  words[0] = 7
  expect([of(words, bare(1)), of(words, bare(1)), of(words, bare(1)), workCount()]).toEqual([undefined, 7, 7, 2])
})

test('what is withheld while it is worked out belongs to the set, which itself stays as it is', () => {
  const { of } = counted()
  const words = Uint32Array.of(0b100)
  const withheld = Int32Array.of(0, 3, 1_000_000, 4)
  of(words, { version: 0, withheld, withheldCount: 3 })
  expect(of(words, { version: 0, withheld, withheldCount: 3 })).toBe(0b1101)
  expect([...words]).toEqual([0b100])
  expect([...withheld]).toEqual([0, 3, 1_000_000, 4])
})
