import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { SourceState } from '../domain/source-state.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'
import type { SourceStates } from './source-states.ts'

/** Of a source that never ran. */
export const newSourceState = (source: string): SourceState => ({
  source,
  definitionHash: 'd1',
  runCount: 0,
  momentMs: 0,
  consecutiveFailureCount: 0,
  rowCount: 0,
  nextRunMs: 0,
})

const fullState: SourceState = {
  ...newSourceState('profiles'),
  cursor: '{"updatedAt":"2026-03-01T00:00:00.000Z","id":17}',
  runCount: 4,
  momentMs: 4000,
  lastSuccessMs: 3000,
  lastRun: {
    startMs: 2990,
    durationMs: 10.5,
    readCount: 5,
    acceptedCount: 3,
    unchangedCount: 1,
    quarantinedCount: 1,
    deletedCount: 0,
    pageCount: 2,
    isNotModified: false,
  },
  lastFailure: { code: 'SOURCE_UNAVAILABLE', message: 'It is gone: "ü" \u0000 \ud83d\ude00', fix: 'Wait.', atMs: 4100 },
  consecutiveFailureCount: 2,
  rowCount: 2 ** 40,
  newestEventTimeMs: 2999,
  nextRunMs: 1.9e12,
}

/** What every memory of sources must do. */
export function testSourceStates(fresh: Fresh<SourceStates>): void {
  it('knows nothing of a source that never ran', () =>
    withFresh(fresh, async (states) => {
      expect(await states.load('profiles')).toBeUndefined()
      expect(await states.list()).toEqual([])
    }))

  it('gives a state back as it was saved, and counts how often it was', () =>
    withFresh(fresh, async (states) => {
      expect(await states.save(newSourceState('profiles'), 0)).toBe(1)
      expect(await states.save(fullState, 1)).toBe(2)
      expect(await states.load('profiles')).toEqual({ state: fullState, generation: 2 })
    }))

  it('replaces the whole state: what the new one leaves out is gone', () =>
    withFresh(fresh, async (states) => {
      await states.save(fullState, 0)
      await states.save(newSourceState('profiles'), 1)
      expect((await states.load('profiles'))?.state).toEqual(newSourceState('profiles'))
    }))

  it('refuses a state whose predecessor is not the stored one, and keeps the stored one', () =>
    withFresh(fresh, async (states) => {
      const changed = expect.objectContaining({ code: 'SOURCE_STATE_CHANGED' })
      await expect(states.save(fullState, 1)).rejects.toThrow(changed)
      expect(await states.load('profiles')).toBeUndefined()
      await states.save(fullState, 0)
      await expect(states.save(newSourceState('profiles'), 0)).rejects.toThrow(changed)
      await expect(states.save(newSourceState('profiles'), 2)).rejects.toThrow(changed)
      expect(await states.load('profiles')).toEqual({ state: fullState, generation: 1 })
    }))

  it('lists every source by name', () =>
    withFresh(fresh, async (states) => {
      for (const source of ['b', 'a', 'B', 'ä']) await states.save(newSourceState(source), 0)
      expect((await states.list()).map(({ state }) => state.source)).toEqual(['B', 'a', 'b', 'ä'])
    }))

  it('forgets a source, which then begins anew', () =>
    withFresh(fresh, async (states) => {
      await states.save(fullState, 0)
      await states.save(newSourceState('clicks'), 0)
      await states.remove('profiles')
      await states.remove('profiles')
      expect((await states.list()).map(({ state }) => state.source)).toEqual(['clicks'])
      expect(await states.save(fullState, 0)).toBe(1)
    }))

  it('keeps any cursor', () =>
    withFresh(fresh, async (states) => {
      let generation = 0
      await fc.assert(
        fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), async (cursor) => {
          generation = await states.save({ ...newSourceState('any'), cursor }, generation)
          expect((await states.load('any'))?.state.cursor).toBe(cursor)
        }),
        { numRuns: 50 },
      )
    }))

  it('lets exactly one of several processes save at a time, and loses nothing of any', () =>
    withFresh(fresh, async (states, again) => {
      const everyone = [states, await again(), await again()]
      const runs = everyone.flatMap((one) => [one, one])
      const first = await Promise.allSettled(runs.map((one) => one.save(newSourceState('counter'), 0)))
      expect(first.filter(({ status }) => status === 'fulfilled').length).toBe(1)

      const count = async (one: SourceStates): Promise<void> => {
        for (;;) {
          const { state, generation } = (await one.load('counter'))!
          try {
            await one.save({ ...state, rowCount: state.rowCount + 1 }, generation)
            return
          } catch (error) {
            if ((error as { code?: unknown }).code !== 'SOURCE_STATE_CHANGED') throw error
          }
        }
      }
      await Promise.all(runs.map(count))
      expect(await states.load('counter')).toMatchObject({
        state: { rowCount: runs.length },
        generation: runs.length + 1,
      })
    }))
}
