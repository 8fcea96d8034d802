// Holds answers against what comes out when they are computed again.
import type { App } from '../app.ts'
import type { AnswerRecord } from '../domain/answer-record.ts'
import type { AnswerObservation } from '../serving/recommendation-service.ts'
import { awaitedAnswer } from './answer-pages.ts'
import { type RepeatedAnswer, repeatAnswers } from './repeat-answers.ts'

/** A place where the two are not the same. */
export interface AnswerDifference {
  readonly what: 'rung' | 'itemCount' | 'item' | 'score' | 'generator'
  /** In the list, from 1; undefined where it is of the whole answer. */
  readonly place?: number
  readonly was: string | number
  readonly is: string | number
}

export interface ReplayedAnswer {
  readonly requestId: string
  /** When it was asked for; milliseconds since 1970. */
  readonly atMs: number
  readonly placement: string
  readonly modelVersion: string
  readonly itemCount: number
  /** Where the features came from: the rows as served, the log played again, or nowhere, since no ranker had a say. */
  readonly features: 'asServed' | 'recomputed' | 'none'
  readonly differences: readonly AnswerDifference[]
  /** Of rows as the ranker saw them: the columns whose values came out otherwise, of the items shown. They explain differences of scores. */
  readonly differentColumns: readonly string[]
  /** Why it could not be computed; then there are no differences. */
  readonly failure?: string
  readonly caveats: readonly string[]
}

export interface ReplayOptions {
  readonly requestIds?: readonly string[] | undefined
  /** So many of the newest, where no ids are given. */
  readonly last?: number | undefined
}

/** @throws MillraceError ANSWER_NOT_FOUND, ANSWERS_NOT_KEPT */
export async function replayAnswers(
  app: App,
  { requestIds, last = 1 }: ReplayOptions,
): Promise<readonly ReplayedAnswer[]> {
  const store = await app.answers()
  const records =
    requestIds === undefined
      ? await store.newest(last)
      : await Promise.all(requestIds.map((id) => awaitedAnswer(store, id)))
  return replayed(app, records)
}

/** In the order of the records. */
export async function replayed(app: App, records: readonly AnswerRecord[]): Promise<readonly ReplayedAnswer[]> {
  const columnNames = new Map<string, readonly string[]>()
  const repeated = await repeatAnswers(app, records, {
    onGathered: ({ response }, { model }) =>
      columnNames.set(response.modelVersion, model?.ranker?.ranker.featureNames ?? []),
  })
  return repeated.map((answer) => compared(answer, columnNames.get(answer.record.response.modelVersion) ?? []))
}

function compared(
  { record, observation, failure, caveats }: RepeatedAnswer,
  columnNames: readonly string[],
): ReplayedAnswer {
  const { response, atMs, candidates, served } = record
  return {
    requestId: response.requestId,
    atMs,
    placement: response.placement,
    modelVersion: response.modelVersion,
    itemCount: response.items.length,
    features: candidates ? 'asServed' : served ? 'recomputed' : 'none',
    differences: observation ? differencesOf(record, observation) : [],
    differentColumns: observation ? differentColumnsOf(served, observation.servedRows(), columnNames) : [],
    ...(failure !== undefined && { failure: failure instanceof Error ? failure.message : String(failure) }),
    caveats,
  }
}

export function differencesOf(
  { response: was }: AnswerRecord,
  { response: is }: Pick<AnswerObservation, 'response'>,
): readonly AnswerDifference[] {
  const found: AnswerDifference[] = []
  if (was.rung !== is.rung) found.push({ what: 'rung', was: was.rung, is: is.rung })
  if (was.items.length !== is.items.length) {
    found.push({ what: 'itemCount', was: was.items.length, is: is.items.length })
  }
  for (let n = 0; n < Math.min(was.items.length, is.items.length); n++) {
    const [a, b] = [was.items[n]!, is.items[n]!]
    const place = n + 1
    if (a.itemId !== b.itemId) found.push({ what: 'item', place, was: a.itemId, is: b.itemId })
    else if (a.score !== b.score) found.push({ what: 'score', place, was: a.score, is: b.score })
    else if (a.generator !== b.generator) found.push({ what: 'generator', place, was: a.generator, is: b.generator })
  }
  return found
}

/** To the last bit; a missing value is like another. */
function differentColumnsOf(
  was: Float32Array | undefined,
  is: Float32Array | undefined,
  names: readonly string[],
): readonly string[] {
  if (was === undefined || is === undefined || was.length !== is.length) return []
  const different = new Set<number>()
  for (let i = 0; i < was.length; i++) if (!Object.is(was[i], is[i])) different.add(i % names.length)
  return [...different].sort((a, b) => a - b).map((column) => names[column]!)
}
