import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { searchWords, stemOf } from './search-words.ts'

describe('the words of a text', () => {
  test.each([
    ['T-LIGHT Holder, 30cm', ['t', 'light', 'holder', '30cm']],
    ["CHILDREN'S Café crème", ['childrens', 'cafe', 'creme']],
    ['Straße STRASSE', ['strasse', 'strasse']],
    ['Σοφίας ΣΟΦΊΑΣ', ['σοφιασ', 'σοφιασ']],
    ['Ｆｕｌｌ ｗｉｄｔｈ', ['full', 'width']],
    ['İstanbul ISTANBUL', ['istanbul', 'istanbul']],
    ['हिन्दी किताब', ['हिन्दी', 'किताब']],
    ['東京 茶碗蒸し', ['東京', '茶碗', '碗蒸', '蒸し']],
    ['?! –', []],
  ])('%s', (text, words) => {
    expect(searchWords(text, 10)).toEqual(words)
  })

  test('are no more than were asked for', () => {
    expect(searchWords('a b c d', 3)).toEqual(['a', 'b', 'c'])
    expect(searchWords('東京茶碗蒸し', 2)).toHaveLength(2)
  })

  test('of a text in capitals, or decomposed, are the same', () => {
    const latin = fc.string({ unit: fc.constantFrom(...'abcxyzäöéçñ 0-'), maxLength: 20 })
    fc.assert(
      fc.property(latin, (text) => {
        expect(searchWords(text.toUpperCase(), 10)).toEqual(searchWords(text, 10))
        expect(searchWords(text.normalize('NFD'), 10)).toEqual(searchWords(text, 10))
      }),
    )
  })
})

test.each([
  ['candles', 'candle'],
  ['boxes', 'box'],
  ['dishes', 'dish'],
  ['glasses', 'glass'],
  ['houses', 'house'],
  ['parties', 'party'],
  ['toys', 'toy'],
  ['glass', 'glass'],
  ['bus', 'bus'],
  ['cactus', 'cactus'],
  ['iris', 'iris'],
  ['gas', 'gas'],
  ['childrens', 'children'],
])('the stem of %s is %s, and stays that', (word, stem) => {
  expect(stemOf(word)).toBe(stem)
  expect(stemOf(stem)).toBe(stem)
})
