import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { searchWords, stemOf } from '../../lib/search-words.ts'
import { NearCopies } from './near-copies.ts'
import { TextIndex } from './text-index.ts'

function copiesOf(texts: readonly string[]): NearCopies {
  const index = new TextIndex()
  const copies = new NearCopies(index, (row) => texts[row]!)
  for (const [row, text] of texts.entries()) {
    index.set(row, searchWords(text, 500).map(stemOf))
    copies.set(row, text)
  }
  return copies
}

describe('two texts', () => {
  test.each([
    ['words', 'red candle holder', 'HOLDER, candle (red)'],
    ['words', 'set of 6 candles', 'set of 6 candle'],
    ['words', 'café crème', 'Cafe Creme'],
    ['letters', 'hand bag pink', 'handbag pink'],
    ['letters', 't-light holder', 'tlight holder'],
    ['spelling', 'strawberry ceramic box', 'strawbery ceramic box'],
    ['spelling', 'ceramic strawberry box', 'strawberyr box ceramic'],
  ] as const)('say the same by their %s: %s, %s', (by, text, other) => {
    const copies = copiesOf([text, other, 'garden spade'])
    expect(copies.of(0)).toEqual([{ row: 1, by }])
    expect(copies.of(1)).toEqual([{ row: 0, by }])
    expect(copies.groups()).toEqual([[0, { row: 1, by }]])
  })

  test.each([
    ['another colour', 'red candle holder', 'blue candle holder'],
    ['another number', 'candle 30cm tall', 'candle 20cm tall'],
    ['another size', 'set of 6 tins', 'set of 3 tins'],
    ['one word more', 'candle holder', 'red candle holder'],
    ['the same word twice', 'candle holder', 'candle candle holder'],
    ['two slips', 'strawberry ceramic box', 'strawbery ceramicc box'],
    ['a slip in a short word', 'red box', 'rad box'],
    ['nothing written', '', ''],
  ])('with %s are two things', (_, text, other) => {
    const copies = copiesOf([text, other])
    expect(copies.of(0)).toEqual([])
    expect(copies.groups()).toEqual([])
  })

  test('whose one letter makes a word that is at home elsewhere are two things', () => {
    const elsewhere = ['love is blind', 'love letter', 'dove cote', 'dove grey']
    const copies = copiesOf(['card with a love', 'card with a dove', ...elsewhere])
    expect(copies.groups()).toEqual([])
  })
})

test('copies of copies are one group', () => {
  const copies = copiesOf([
    'pink strawberry box',
    'box strawberry pink',
    'garden spade',
    'box pinkstrawberry',
    'pink strawbery box',
  ])
  const [group, ...others] = copies.groups()
  expect(others).toEqual([])
  expect(group!.map((copy) => (typeof copy === 'number' ? copy : copy.row))).toEqual([0, 1, 4])
})

test('groups are those of all pairs, and an item finds the others of its pairs', () => {
  const word = fc.constantFrom(
    'red',
    'pink',
    'lamp',
    'lamps',
    'candle',
    'candel',
    'candles',
    'holder',
    'holdre',
    'can',
    'dle',
  )
  const text = fc.array(word, { maxLength: 4 }).map((words) => words.join(' '))
  fc.assert(
    fc.property(fc.array(text, { maxLength: 25 }), (texts) => {
      const copies = copiesOf(texts)
      const pairs = texts.flatMap((_, row) => copies.of(row).map((copy) => [row, copy.row] as const))
      // It is mutual.
      for (const [row, other] of pairs) expect(copies.of(other).map((copy) => copy.row)).toContain(row)
      // Same words, whatever their order, are found in every pair.
      const sorted = texts.map((t) => searchWords(t, 500).map(stemOf).sort().join(' '))
      for (let row = 0; row < texts.length; row++) {
        for (let other = 0; other < texts.length; other++) {
          if (row === other || sorted[row] === '' || sorted[row] !== sorted[other]) continue
          expect(copies.of(row)).toContainEqual({ row: other, by: 'words' })
        }
      }
      // Groups are what pairs hang together.
      const groupOf = new Map(
        copies
          .groups()
          .flatMap(([first, ...rest]) => [first, ...rest.map(({ row }) => row)].map((row) => [row, first])),
      )
      for (const [row, other] of pairs) expect(groupOf.get(row)).toBe(groupOf.get(other))
      expect([...groupOf.keys()].sort((a, b) => a - b)).toEqual([...new Set(pairs.flat())].sort((a, b) => a - b))
    }),
  )
})
