// Goal: after any changes the index is what reading the catalogue anew would make it. Method: random events, a fresh index beside the one that followed.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogEvent } from '../../domain/event.ts'
import { LiveState } from '../live-state.ts'
import { deletion, did, item, itemPatch, planWith } from '../serving-fixture.testing.ts'
import { SearchIndex } from './search-index.ts'
import { rowOfPosting } from './text-index.ts'

const noFailure = (error: unknown): never => {
  throw error
}

class Followed {
  readonly live = new LiveState(planWith({}))
  readonly index = new SearchIndex(this.live.catalogue, noFailure)
  #offset = 0

  log(...events: readonly LogEvent[]): void {
    this.live.apply(events.map((event) => ({ offset: this.#offset++, availableTimeMs: 0, event })))
  }
}

/** What it knows, in words: which items have which word how often, and which say the same. */
function contents({ live, index }: Pick<Followed, 'live' | 'index'>): object {
  const { words, nearCopies } = index
  const postings = Array.from({ length: words.dictionary.count }, (_, n) => [
    words.dictionary.wordAt(n),
    Array.from(words.postingsOf(n), (posting) => [live.catalogue.idOf(rowOfPosting(posting)), posting & 31]),
  ])
  return {
    words: postings.filter(([, rows]) => rows!.length > 0).sort(([a], [b]) => (a! < b! ? -1 : 1)),
    describedCount: words.describedCount,
    meanLength: words.meanLength,
    copies: nearCopies.groups(),
  }
}

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const text = fc.string({
  unit: fc.constantFrom('red lamp', 'lamps', 'red', 'lamp', 'lampp', ' ', '30cm'),
  maxLength: 4,
})
const attributes = fc.record({
  title: text,
  category: fc.constantFrom('home', 'garden'),
  tags: fc.array(text, { maxLength: 2 }),
})
const change = fc.oneof(
  fc.tuple(id, attributes).map(
    ([of, given]) =>
      (at: number) =>
        item(of, given, at),
  ),
  fc.tuple(id, text).map(
    ([of, title]) =>
      (at: number) =>
        itemPatch(of, { title }, at),
  ),
  id.map((of) => (at: number) => deletion('item', of, at)),
  id.map((of) => (at: number) => did('u', of, 'view', at)),
)

test('it follows every change, as if it had read the catalogue anew', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 30 }), fc.array(fc.nat(29)), async (changes, looks) => {
      const followed = new Followed()
      for (const [n, make] of changes.entries()) {
        followed.log(make(n + 1))
        if (looks.includes(n)) await followed.index.current()
      }
      await followed.index.current()
      const anew = new SearchIndex(followed.live.catalogue, noFailure)
      await anew.current()
      expect(contents(followed)).toEqual(contents({ live: followed.live, index: anew }))
    }),
    { numRuns: 60 },
  )
})

/** Undefined where the query says nothing that any item says. */
function likeness({ index, live }: Followed, itemId: string, query: string): number | undefined {
  const vectors = index.vectors!
  const vector = vectors.vectorOf(query)
  return vector && vectors.similarities(vector)[live.catalogue.rowOf(itemId)!]
}

describe('vectors', () => {
  test('are there of new, changed and deleted items, too', async () => {
    const followed = new Followed()
    const { index } = followed
    for (let n = 0; n < 30; n++)
      followed.log(item(`i${n}`, { title: n % 2 ? `garden spade ${n}` : `candle holder ${n}` }))
    await index.current()
    const likenessOf = (itemId: string, query: string) => likeness(followed, itemId, query)
    expect(likenessOf('i0', 'candles')).toBeGreaterThan(0.5)
    expect(likenessOf('i1', 'candles')).toBeLessThan(0.2)
    followed.log(item('new', { title: 'candle' }), item('i1', { title: 'small candle' }, 2_000), deletion('item', 'i0'))
    await index.current()
    expect(likenessOf('new', 'candles')).toBeGreaterThan(0.5)
    expect(likenessOf('i1', 'candles')).toBeGreaterThan(0.5)
    expect(likenessOf('i0', 'candles')).toBe(0)
  })

  test('are learned again, in the background, when there is twice as much to learn from', async () => {
    const followed = new Followed()
    const { index } = followed
    for (const title of ['red lamp', 'red lamps', 'blue lamp']) followed.log(item(title, { title }))
    await index.current()
    expect(index.vectors!.vectorOf('spade')).toBeUndefined()
    for (let n = 0; n < 20; n++) followed.log(item(`spade-${n}`, { title: `garden spade ${n}` }))
    await index.current()
    await expect.poll(() => likeness(followed, 'spade-7', 'spades')).toBeGreaterThan(0.5)
  })
})
