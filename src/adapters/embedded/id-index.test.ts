import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { describe, expect, it } from 'vitest'
import { seededRng } from '../../lib/rng.ts'
import { IdFilter, type IdHash } from './id-filter.ts'
import { hashOfId, IdIndex } from './id-index.ts'

/** Runs `check` with a fresh environment; `transact` is one write transaction. */
async function withIndex(
  generationIdCount: number,
  check: (context: { another: () => IdIndex; transact: <T>(change: () => T) => T }) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-ids-'))
  const environment = open<unknown, string>({ path: folder, noSubdir: false, maxDbs: 8, overlappingSync: false })
  check({
    another: () => new IdIndex(environment, generationIdCount),
    transact: (change) => environment.transactionSync(change),
  })
  await environment.close()
  rmSync(folder, { recursive: true })
}

const hashOf = (id: number): Uint8Array => hashOfId(Buffer.from(JSON.stringify(`id-${id}`)))

describe('IdIndex', () => {
  // Goal: generations, filters and groups never show. Method: generations of 20 ids, so that 3000 draws close some hundred of them and several
  // groups; two indexes take turns, as two processes would, and both must answer like one set.
  it('answers like a set, across generations and processes', () =>
    withIndex(20, ({ another, transact }) => {
      const rng = seededRng(1)
      const indexes = [another(), another()]
      const known = new Set<number>()
      for (let batch = 0; batch < 300; batch++) {
        const ids = Array.from({ length: 1 + rng.integer(20) }, () => rng.integer(4000))
        const expected = ids.map((id) => !known.has(id) && known.add(id) !== undefined)
        const found = transact(() => indexes[batch % 2]!.addAll(ids.map(hashOf), known.size))
        expect(found, `batch ${batch}: ${ids}`).toEqual(expected)
      }
      expect(known.size).toBeGreaterThan(20 * 16 * 3)
    }))

  it('undoes with the transaction', () =>
    withIndex(5, ({ another, transact }) => {
      const index = another()
      const first = [0, 1, 2, 3, 4, 5].map(hashOf)
      transact(() => index.addAll(first, 0))
      expect(() =>
        transact(() => {
          index.addAll([6, 7].map(hashOf), 6)
          throw new Error('disk full')
        }),
      ).toThrow('disk full')
      expect(transact(() => index.addAll([5, 6, 7].map(hashOf), 6))).toEqual([false, true, true])
      expect(transact(() => another().addAll([0, 5, 6, 7, 8].map(hashOf), 8))).toEqual([
        false,
        false,
        false,
        false,
        true,
      ])
    }))

  it('forgets whole generations whose events are gone, and none with an event that is still there', () =>
    withIndex(10, ({ another, transact }) => {
      const index = another()
      for (let id = 0; id < 40; id += 10) {
        const ids = Array.from({ length: 10 }, (_, n) => hashOf(id + n))
        transact(() => index.addAll(ids, id))
      }
      transact(() => index.forgetBefore(25))
      const areNew = transact(() => index.addAll([0, 19, 20, 29, 39].map(hashOf), 40))
      expect(areNew).toEqual([true, true, false, false, false])
    }))
})

describe('IdFilter', () => {
  const rng = seededRng(7)
  const randomHash = (): IdHash => [0, 0, 0, 0].map(() => Math.floor(rng.next() * 2 ** 32)) as unknown as IdHash

  // 100 000 strangers at a rate of about 0.005: sigma is 22, so 0.01 is more than twenty sigma away.
  it('never denies a member, and affirms fewer than one stranger in a hundred', () => {
    const members = Array.from({ length: 50_000 }, randomHash)
    const filter = IdFilter.forMembers(members.length)
    for (const member of members) filter.add(member)
    expect(members.every((member) => filter.mayHave(member))).toBe(true)
    let affirmedCount = 0
    for (let n = 0; n < 100_000; n++) if (filter.mayHave(randomHash())) affirmedCount++
    expect(affirmedCount).toBeLessThan(1000)
  })
})
