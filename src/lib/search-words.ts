// How texts and queries are read as words: accents, case and the plural of English nouns make no difference. Nothing here knows a vocabulary.
import { wordsOf } from './words.ts'

/** The words of a text, in order, without accents and apostrophes; the first `countMax`. Scripts that put no spaces come as pairs of neighbours. */
export function searchWords(text: string, countMax: number): readonly string[] {
  const words = wordsOf(isPlain(text) ? text : folded(text), countMax)
  if (!words.some((word) => UNSPACED.test(word))) return words
  return words.flatMap((word) => (UNSPACED.test(word) ? pairsOf(word) : [word])).slice(0, countMax)
}

/**
 * The form in which singular and plural are the same word: `boxes` and `box`, `parties` and `party`, `glasses` and `glass`. What is too short to be sure of, or ends in
 * `ss`, `us` or `is`, stays as it is.
 */
export function stemOf(word: string): string {
  if (word.length < 4 || !word.endsWith('s') || /(?:ss|us|is)$/.test(word)) return word
  if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`
  if (/(?:sses|xes|ches|shes|zzes)$/.test(word)) return word.slice(0, -2)
  return word.slice(0, -1)
}

/** Nothing in it needs folding. */
const isPlain = (text: string): boolean => !/[^\x20-\x7e]|'/.test(text)

function folded(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .replace(/(?<=\p{L})['’](?=\p{L})/gu, '')
    .replace(/[ßẞ]/g, 'ss')
    .replace(/[øØ]/g, 'o')
    .replace(/[æÆ]/g, 'ae')
    .replace(/[œŒ]/g, 'oe')
    .replace(/[łŁ]/g, 'l')
    .toLowerCase()
    .replace(/ς/g, 'σ')
}

const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

function pairsOf(word: string): readonly string[] {
  const letters = Array.from(word)
  if (letters.length < 2) return [word]
  return letters.slice(1).map((letter, i) => letters[i]! + letter)
}
