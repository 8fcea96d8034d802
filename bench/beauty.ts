// Amazon Beauty, 5-core: what each user reviewed, in order and without times. Leave one out: the last item of each user is the test, the one before it
// the validation; what comes before trains.
import { dataFile, gzipLines } from './data.ts'
import { type NextItemTask, nextItemTask } from './next-item.ts'

/** @param part which item is asked for; everything before it is known, of every user */
export function beauty(part: 'test' | 'validation'): NextItemTask | { readonly skipped: string } {
  const file = dataFile('beauty/sequences.txt.gz')
  if ('skipped' in file) return file
  const heldOutCount = part === 'test' ? 1 : 2
  // A line is the user and its items, all numbered from 1.
  const sequences = gzipLines(file.path).map((line) =>
    Int32Array.from(line.split(' ').slice(1), (id) => Number(id) - 1),
  )
  const prefixes = sequences.map((sequence) => sequence.subarray(0, sequence.length - heldOutCount))
  const questions = prefixes.map((prefix, user) => ({ prefix, nextItem: sequences[user]![prefix.length]! }))
  return nextItemTask(prefixes, questions, { mayRepeat: false })
}
