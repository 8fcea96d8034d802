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
  check: (context: {
    another: () => IdIndex
    /** One transaction. `fails`: undone at its end. */
    add: (index: IdIndex, ids: readonly number[], nextOffset: number, options?: { fails: boolean }) => boolean[]
    transact: (change: () => void) => void
  }) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-ids-'))
  const environment = open<unknown, string>({ path: folder, noSubdir: false, maxDbs: 8, overlappingSync: false })
  check({
    another: () => new IdIndex(environment, generationIdCount),
    add: (index, ids, nextOffset, { fails } = { fails: false }) =>
      environment.transactionSync(() => {
        index.begin(nextOffset)
        const areNew = index.addAll(ids.map(hashOf))
        if (fails) throw new Error('disk full')
        return areNew
      }),
    transact: (change) => environment.transactionSync(change),
  })
  await environment.close()
  rmSync(folder, { recursive: true })
}

const hashOf = (id: number): Uint8Array => hashOfId(Buffer.from(JSON.stringify(`id-${id}`)))

describe('IdIndex', () => {
  // Goal: generations, filters and groups never show. Method: generations of 20 ids, so that 12 000 draws close hundreds of them and several
  // groups; two indexes take turns, as two processes would, some transactions fail, and both must answer like one set.
  it('answers like a set, across generations, processes and failures', () =>
    withIndex(20, ({ another, add }) => {
      const rng = seededRng(1)
      const indexes = [another(), another()]
      const known = new Set<number>()
      for (let batch = 0; batch < 600; batch++) {
        const ids = Array.from({ length: 1 + rng.integer(40) }, () => rng.integer(4000))
        const index = indexes[rng.integer(2)]!
        if (rng.integer(5) === 0) {
          expect(() => add(index, ids, known.size, { fails: true })).toThrow('disk full')
          continue
        }
        const nextOffset = known.size
        const expected = ids.map((id) => !known.has(id) && known.add(id) !== undefined)
        expect(add(index, ids, nextOffset), `batch ${batch}: ${ids}`).toEqual(expected)
      }
      expect(known.size).toBeGreaterThan(20 * 16 * 5)
    }))

  it('closes a generation the same way for all, even where the transaction that first tried fails', () =>
    withIndex(4, ({ another, add }) => {
      const [one, other] = [another(), another()]
      add(one, [0, 1, 2, 3], 0)
      expect(() => add(one, [4, 5, 6, 7, 8], 4, { fails: true })).toThrow('disk full')
      add(other, [10, 11, 12, 13], 4)
      add(other, [20], 8)
      expect(add(one, [0, 4, 10, 13, 20, 21], 9)).toEqual([false, true, false, false, false, true])
    }))

  it('forgets whole generations whose events are gone, and none with an event that is still there', () =>
    withIndex(10, ({ another, add, transact }) => {
      const index = another()
      for (let id = 0; id < 40; id += 10)
        add(
          index,
          [...Array(10).keys()].map((n) => id + n),
          id,
        )
      transact(() => index.forgetBefore(25))
      expect(add(index, [0, 19, 20, 29, 39], 40)).toEqual([true, true, false, false, false])
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
