// Diginetica: sessions of views in a shop, in order and without times. What is asked is the next view, given those before it.
import type { TrainingData } from '../src/domain/training-data.ts'
import { csrFromTriplets } from '../src/lib/csr.ts'
import { dataFile, gzipLines } from './data.ts'

export interface NextItemTask {
  readonly train: TrainingData
  /** What has been viewed, oldest first, and what was viewed next, as item indexes. */
  readonly questions: readonly NextItemQuestion[]
}

export interface NextItemQuestion {
  readonly prefix: Int32Array
  readonly nextItem: number
}

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
  return nextItemTask(gzipLines(trainFile.path).map(itemsOf), questions)
}

/** The newest sessions of the train part become questions about the older ones; items that the older ones lack are left out, as in the test part. */
export function digineticaValidation(share: number): NextItemTask | { readonly skipped: string } {
  const trainFile = dataFile('diginetica/train_sessions.txt.gz')
  if ('skipped' in trainFile) return trainFile
  const sessions = gzipLines(trainFile.path).map(itemsOf)
  const older = sessions.splice(0, Math.floor(sessions.length * (1 - share)))
  const known = new Set(older.flatMap((session) => [...session]))
  const questions = sessions.flatMap((session) => questionsOf(session.filter((item) => known.has(item))))
  return nextItemTask(older, questions)
}

/** A question for every prefix of the session. */
export function questionsOf(session: Int32Array): NextItemQuestion[] {
  return Array.from(session.subarray(1), (nextItem, i) => ({ prefix: session.subarray(0, i + 1), nextItem }))
}

/** Every session is a user of its own, the oldest first. */
export function nextItemTask(sessions: readonly Int32Array[], questions: readonly NextItemQuestion[]): NextItemTask {
  let itemCount = 0
  for (const session of sessions) for (const item of session) itemCount = Math.max(itemCount, item + 1)
  for (const { prefix, nextItem } of questions)
    itemCount = Math.max(itemCount, nextItem + 1, ...prefix.map((item) => item + 1))
  const offsets = new Int32Array(sessions.length + 1)
  sessions.forEach((session, s) => {
    offsets[s + 1] = offsets[s]! + session.length
  })
  const itemIndexes = new Int32Array(offsets.at(-1)!)
  const rows = new Int32Array(itemIndexes.length)
  sessions.forEach((session, s) => {
    itemIndexes.set(session, offsets[s])
    rows.fill(s, offsets[s], offsets[s + 1])
  })
  const weights = new Float32Array(itemIndexes.length).fill(1)
  const train: TrainingData = {
    userIds: Array.from(sessions, (_, s) => String(s)),
    itemIds: Array.from({ length: itemCount }, (_, item) => String(item)),
    itemsByUser: csrFromTriplets(
      { rows, columns: itemIndexes, values: weights },
      { rowCount: sessions.length, columnCount: itemCount },
    ),
    sequences: { offsets, itemIndexes, weights, timesMs: undefined },
    newestTimesMs: undefined,
    asOfMs: 0,
  }
  return { train, questions }
}

const itemsOf = (line: string): Int32Array => Int32Array.from(line.split(' '), (id) => Number(id) - 1)
