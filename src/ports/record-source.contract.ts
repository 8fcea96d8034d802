import { expect, it } from 'vitest'
import type { PulledBatch, RecordSource } from './record-source.ts'

export interface SourceUnderTest {
  readonly source: RecordSource
  /** Ids of the rows there are, each once. A pull of them must take at least three batches with rows. */
  readonly ids: readonly string[]
  /** Of a row as the source gives it. */
  readonly idOf: (row: unknown) => string
  /** Takes away what was made for it. */
  remove(): Promise<void>
}

const never = new AbortController().signal

/** What every record source must do. `fresh` gives one with the same rows each time. */
export function testRecordSource(fresh: () => Promise<SourceUnderTest>): void {
  const withSource = async (check: (underTest: SourceUnderTest) => Promise<void>): Promise<void> => {
    const underTest = await fresh()
    try {
      await check(underTest)
    } finally {
      await underTest.source.close()
      await underTest.remove()
    }
  }
  const pulled = async (source: RecordSource, cursor?: string, signal = never): Promise<PulledBatch[]> => {
    const batches: PulledBatch[] = []
    for await (const batch of source.pull(cursor, signal)) batches.push(batch)
    return batches
  }

  it('gives every row, and says where it stands', () =>
    withSource(async ({ source, ids, idOf }) => {
      const batches = await pulled(source)
      expect(batches.filter(({ rows }) => rows.length > 0).length).toBeGreaterThanOrEqual(3)
      expect(batches.flatMap(({ rows }) => rows.map(idOf)).sort()).toEqual([...ids].sort())
      for (const { rows, where } of batches) for (let i = 0; i < rows.length; i++) expect(where(i)).toMatch(/\S/)
    }))

  it('ends with its last batch, and with no other', () =>
    withSource(async ({ source }) => {
      const ends = (await pulled(source)).map(({ end }) => end !== undefined)
      expect(ends).toEqual([...ends.slice(1).fill(false), true])
    }))

  it('loses nothing, whichever cursor it goes on from', () =>
    withSource(async ({ source, ids, idOf }) => {
      const batches = await pulled(source)
      for (let taken = 1; taken <= batches.length; taken++) {
        const { cursor } = batches[taken - 1]!
        const before = source.isSnapshot ? [] : batches.slice(0, taken)
        const rest = await pulled(source, cursor)
        const end = rest.at(-1)?.end
        expect(end).toBeDefined()
        const found = new Set([...before, ...rest].flatMap(({ rows }) => rows.map(idOf)))
        // A snapshot begins anew, or says that the one that was complete still holds.
        if (source.isSnapshot && end?.isNotModified) expect(taken).toBe(batches.length)
        else expect([...found].sort()).toEqual([...ids].sort())
      }
    }))

  it('gives the same batches when it is asked again', () =>
    withSource(async ({ source }) => {
      const [first, second] = [await pulled(source), await pulled(source)]
      expect(second.map(({ rows }) => rows.length)).toEqual(first.map(({ rows }) => rows.length))
    }))

  it('stops without an error and without an end once it is told to', () =>
    withSource(async ({ source }) => {
      const stop = new AbortController()
      const seen: PulledBatch[] = []
      for await (const batch of source.pull(undefined, stop.signal)) {
        seen.push(batch)
        stop.abort()
      }
      expect(seen).toHaveLength(1)
      expect(seen[0]!.end).toBeUndefined()
    }))

  it('gives nothing where it is told to stop before it begins', () =>
    withSource(async ({ source }) => {
      expect(await pulled(source, undefined, AbortSignal.abort())).toEqual([])
    }))

  it('can be left at any batch, and pulled again', () =>
    withSource(async ({ source, ids, idOf }) => {
      for await (const _ of source.pull(undefined, never)) break
      const found = (await pulled(source)).flatMap(({ rows }) => rows.map(idOf))
      expect(found.sort()).toEqual([...ids].sort())
    }))
}
