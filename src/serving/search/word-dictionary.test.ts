import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance } from '../../lib/nearest-name.ts'
import { WordDictionary } from './word-dictionary.ts'

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 7 })

test('what begins so, and what is one edit away from four letters or more, is what looking at every word finds', () => {
  fc.assert(
    fc.property(fc.uniqueArray(word, { maxLength: 60 }), word, (words, asked) => {
      const dictionary = new WordDictionary()
      for (const known of words) expect(dictionary.numberFor(known)).toBe(words.indexOf(known))
      const longer: string[] = []
      dictionary.forEachLonger(asked, (number) => longer.push(dictionary.wordAt(number)))
      expect(longer.sort()).toEqual(words.filter((known) => known.startsWith(asked) && known !== asked).sort())
      const near = dictionary.withOneEdit(asked).map((number) => dictionary.wordAt(number))
      const expected = words.filter((known) => editDistance(known, asked) === 1)
      // Of a shorter word an edit may leave no pair of letters.
      expect(near).toEqual(asked.length >= 4 ? expected : expected.filter((known) => near.includes(known)))
    }),
    { numRuns: 300 },
  )
})

test('words that came since the last sorting begin so too', () => {
  const dictionary = new WordDictionary()
  const found = (prefix: string): string[] => {
    const words: string[] = []
    dictionary.forEachLonger(prefix, (number) => words.push(dictionary.wordAt(number)))
    return words.sort()
  }
  for (let n = 0; n < 3000; n++) dictionary.numberFor(`w${n}`)
  expect(found('w299')).toEqual([
    'w2990',
    'w2991',
    'w2992',
    'w2993',
    'w2994',
    'w2995',
    'w2996',
    'w2997',
    'w2998',
    'w2999',
  ])
  for (let n = 3000; n < 6000; n++) dictionary.numberFor(`w${n}`)
  dictionary.numberFor('w2990x')
  expect(found('w2990')).toEqual(['w2990x'])
  expect(found('w599')).toHaveLength(10)
})
