// Diginetica: sessions of views in a shop, in order and without times. What is asked is the next view, given those before it.
import { dataFile, gzipLines } from './data.ts'
import { type NextItemQuestion, type NextItemTask, nextItemTask } from './next-item.ts'

/** The published split: newer sessions, one question for every prefix of each. Items are numbered from 1 in the files and here from 0. */
export function diginetica(): NextItemTask | { readonly skipped: string } {
  const trainFile = dataFile('diginetica/train_sessions.txt.gz')
  const testFile = dataFile('diginetica/test_prefix_target.tsv.gz')
  if ('skipped' in trainFile) return trainFile
  if ('skipped' in testFile) return testFile
  const questions = gzipLines(testFile.path).map((line) => {
    const [prefix, next] = line.split('\t')
    return { prefix: itemsOf(prefix!), nextItem: Number(next) - 1 }
  })
  return nextItemTask(gzipLines(trainFile.path).map(itemsOf), questions, { mayRepeat: true })
}

/** The newest sessions of the train part become questions about the older ones; items that the older ones lack are left out, as in the test part. */
export function digineticaValidation(share: number): NextItemTask | { readonly skipped: string } {
  const trainFile = dataFile('diginetica/train_sessions.txt.gz')
  if ('skipped' in trainFile) return trainFile
  const sessions = gzipLines(trainFile.path).map(itemsOf)
  const older = sessions.splice(0, Math.floor(sessions.length * (1 - share)))
  const known = new Set(older.flatMap((session) => [...session]))
  const questions = sessions.flatMap((session) => questionsOf(session.filter((item) => known.has(item))))
  return nextItemTask(older, questions, { mayRepeat: true })
}

/** A question for every prefix of the session. */
export function questionsOf(session: Int32Array): NextItemQuestion[] {
  return Array.from(session.subarray(1), (nextItem, i) => ({ prefix: session.subarray(0, i + 1), nextItem }))
}

const itemsOf = (line: string): Int32Array => Int32Array.from(line.split(' '), (id) => Number(id) - 1)
