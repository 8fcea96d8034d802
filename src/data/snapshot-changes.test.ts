// Goal: whatever happens to a source between two runs, and wherever a run breaks off, the log ends up saying what the source says.
// Method: a source changes at random (rows come, change, go, come back); each run may break off before or after any of its writes; after each run
// that came to its end, what was told, in its order, must give the source's state.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memorySnapshots } from './memory-sources.testing.ts'
import { changeOf, fingerprintOf, snapshotId, tellChanges, tellDeletions } from './snapshot-changes.ts'

const everything = { deletedShareMax: 1 }
const rowOf = ([id, value]: [string, string]) => ({ id, fingerprint: fingerprintOf({ value }, '') })

describe('changes of a snapshot', () => {
  it('lead to the state of the source, wherever runs break off', async () => {
    const states = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('1', '2', '3'))
    const runs = fc.array(fc.record({ state: states, breakAt: fc.option(fc.nat(12), { nil: undefined }) }), {
      minLength: 1,
      maxLength: 12,
      size: 'max',
    })
    await fc.assert(
      fc.asyncProperty(runs, fc.integer({ min: 1, max: 3 }), async (history, batchSize) => {
        const store = memorySnapshots()
        const log: [id: string, value: string | undefined][] = []
        for (const [number, { state, breakAt }] of history.entries()) {
          let effects = 0
          /** Of a run that breaks off, the effects before that moment stay. */
          const orBreak = <T>(effect: () => T): T => {
            if (effects++ === breakAt) throw new Error('broken off')
            return effect()
          }
          const breaking = {
            ...store,
            write: async (...given: Parameters<typeof store.write>) => orBreak(() => store.write(...given)),
          }
          const rows = Object.entries(state)
          const run = { source: 's', run: number + 1 }
          try {
            for (let begin = 0; begin < rows.length; begin += batchSize) {
              const batch = rows.slice(begin, begin + batchSize)
              await tellChanges(breaking, run, batch.map(rowOf), async (changes) =>
                orBreak(() => {
                  for (const position of changes.keys()) log.push(batch[position]!)
                }),
              )
            }
            await tellDeletions(breaking, run, everything, async (ids) =>
              orBreak(() => {
                for (const id of ids) log.push([id, undefined])
              }),
            )
          } catch (error) {
            if ((error as Error).message !== 'broken off') throw error
            continue
          }
          const told = new Map(log)
          expect(Object.fromEntries([...told].filter(([, value]) => value !== undefined))).toEqual(state)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('are none where nothing changed', async () => {
    const store = memorySnapshots()
    const rows = [rowOf(['a', '1']), rowOf(['b', '1'])]
    const told: number[] = []
    for (const run of [1, 2])
      await tellChanges(store, { source: 's', run }, rows, async (changes) => void told.push(changes.size))
    expect(told).toEqual([2])
  })

  it('are those of the last row with an id, and of every row without one', async () => {
    const rows = [rowOf(['a', '1']), { id: undefined, fingerprint: '' }, rowOf(['a', '2'])]
    const unchanged = await tellChanges(memorySnapshots(), { source: 's', run: 1 }, rows, async (changes) =>
      expect([...changes]).toEqual([
        [2, 'changed'],
        [1, 'changed'],
      ]),
    )
    expect(unchanged).toBe(1)
  })

  it('concern a row that comes back after its deletion, however it looks', () => {
    const entry = { id: 'a', fingerprint: 'f', seenIn: 1 }
    expect(changeOf({ ...entry, status: 'told' }, 'f')).toBe('unchanged')
    expect(changeOf({ ...entry, status: 'told' }, 'g')).toBe('changed')
    expect(changeOf({ ...entry, status: 'telling' }, 'f')).toBe('changed')
    expect(changeOf({ ...entry, status: 'deleting' }, 'f')).toBe('again')
    expect(changeOf({ ...entry, status: 'deleted' }, 'f')).toBe('again')
    expect(changeOf(undefined, 'f')).toBe('changed')
  })
})

describe('deletions of a snapshot', () => {
  const known = async (count: number) => {
    const store = memorySnapshots()
    const rows = Array.from({ length: count }, (_, n) => rowOf([`i${n}`, '1']))
    await tellChanges(store, { source: 's', run: 1 }, rows, async () => {})
    return { store, rows }
  }

  it.each([
    [2, undefined],
    [3, /lacks 3 of 10 known entities \(30 %\), expected at most 20 %/],
    [10, /lacks 10 of 10 known entities \(100 %\)/],
  ])('of %i among 10 entities are held back above the share', async (goneCount, expected) => {
    const { store, rows } = await known(10)
    await tellChanges(store, { source: 's', run: 2 }, rows.slice(goneCount), async () => {})
    const told: string[] = []
    const deleted = tellDeletions(
      store,
      { source: 's', run: 2 },
      { deletedShareMax: 0.2 },
      async (ids) => void told.push(...ids),
    )
    if (expected)
      await expect(deleted).rejects.toMatchObject({
        code: 'SOURCE_DELETES_HELD',
        message: expect.stringMatching(expected),
      })
    else expect(await deleted).toBe(goneCount)
    expect(told).toHaveLength(expected ? 0 : goneCount)
  })

  it('are none of an empty source that was empty before', async () => {
    const { store } = await known(0)
    expect(await tellDeletions(store, { source: 's', run: 2 }, { deletedShareMax: 0 }, async () => {})).toBe(0)
  })

  it('take more than one batch where there are many', async () => {
    const { store } = await known(2500)
    const sizes: number[] = []
    expect(
      await tellDeletions(store, { source: 's', run: 2 }, everything, async (ids) => void sizes.push(ids.length)),
    ).toBe(2500)
    expect(sizes).toEqual([1000, 1000, 500])
  })
})

it.each([
  ['a', 'a'],
  [7, '7'],
  [7n, '7'],
  ['', undefined],
  [null, undefined],
  [1.5, undefined],
  ['x'.repeat(257), undefined],
  [{ id: 1 }, undefined],
])('the id %o is remembered as %o', (found, expected) => expect(snapshotId(found)).toBe(expected))
