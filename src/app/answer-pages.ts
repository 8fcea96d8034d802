// Next pages: an answer that leaves out what the pages before it showed.
import { type AnswerRecord, shownUpTo } from '../domain/answer-record.ts'
import type { RecommendRequest, RecommendResponse } from '../domain/recommendation.ts'
import type { Recommender } from '../http/dependencies.ts'
import { MillraceError } from '../lib/errors.ts'
import { pause } from '../lib/within.ts'

/** Another process may have given the page before and be writing its record still: it is looked for so long. */
const WAIT_MS = 300
const POLL_MS = 10
/** Items of all pages together: every record names those of the pages before it. */
export const PAGED_COUNT_MAX = 10_000

export interface AnswerLookup {
  find(requestId: string): Promise<AnswerRecord | undefined>
}

/**
 * The same recommender, which knows what `after` means.
 * @param answers undefined where no records are kept
 */
export function withPages(recommender: Recommender, answers: AnswerLookup | undefined): Recommender {
  const next = async (request: RecommendRequest, after: string): Promise<RecommendResponse> => {
    if (answers === undefined) {
      throw new MillraceError(
        'ANSWERS_NOT_KEPT',
        '/after: the system file says "serving.answers: false", so nobody knows what was shown.',
        {
          fix: 'Leave "serving.answers" out, or send the items that were shown in "exclude".',
        },
      )
    }
    const before = await awaitedAnswer(answers, after, '/after: ')
    checkVisitor(request, before)
    const alreadyShown = shownUpTo(before)
    if (alreadyShown.length > PAGED_COUNT_MAX) {
      throw new MillraceError(
        'REQUEST_INVALID',
        `/after: the pages before showed ${alreadyShown.length} items, expected at most ${PAGED_COUNT_MAX}.`,
        {
          fix: 'Begin again without "after", or narrow the list with a filter.',
        },
      )
    }
    return recommender.recommend({ ...request, alreadyShown })
  }
  return {
    recommend: (request) =>
      request.after === undefined ? recommender.recommend(request) : next(request, request.after),
  }
}

/** The record of an answer, also of one that went out a moment ago. @param where what is wrong if there is none @throws MillraceError ANSWER_NOT_FOUND */
export async function awaitedAnswer(answers: AnswerLookup, requestId: string, where = ''): Promise<AnswerRecord> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const found = await answers.find(requestId)
    if (found !== undefined) return found
    if (waitedMs >= WAIT_MS) throw answerNotFound(requestId, where)
    await pause(POLL_MS)
  }
}

/** Whoever has logged in between two pages may go on. */
function checkVisitor({ userId }: RecommendRequest, before: AnswerRecord): void {
  const { userId: other } = before.request
  if (userId === other || other === undefined) return
  throw new MillraceError('REQUEST_INVALID', '/after: that answer was for another user.', {
    fix: 'Send the same "userId" with every page.',
  })
}

const answerNotFound = (requestId: string, where: string): MillraceError =>
  new MillraceError(
    'ANSWER_NOT_FOUND',
    `${where}no record of an answer ${JSON.stringify(requestId.slice(0, 80))} is kept.`,
    {
      fix: 'Look at the spelling. Records are kept for "serving.answers.maxAge"; for a next page, begin again without "after".',
    },
  )
