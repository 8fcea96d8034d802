// An explained answer as lines for people.
import type { ExplainedAnswer, ExplainedItem, ToldAnswer } from '../domain/explained-answer.ts'
import { alignedColumns } from '../lib/aligned-columns.ts'
import { describeExplanation } from './explanation.ts'

export interface DescribeAnswerOptions {
  /** What to call an item; its id where it is left out. */
  readonly nameOf?: (itemId: string) => string
  /** How many features to list of what moved a score. Default: 10. */
  readonly featureCount?: number
}

/** An answer that was explained, line by line: its list, what rules turned away, the item that was asked about, and what moved the score of the best one. */
export function describeAnswer(
  answer: ToldAnswer,
  { nameOf = (itemId) => itemId, featureCount }: DescribeAnswerOptions = {},
): readonly string[] {
  const { requestId, placement, userId, at, latencyMs, modelVersion, rung, bestRung, rankingFailure, candidateCount } =
    answer
  const { recomputed, items, rules, asked, isRecordedWhole } = answer
  const best = items.find(({ explanation }) => explanation !== undefined)
  return [
    `${requestId}: ${placement} for ${userId ?? 'an anonymous visitor'}, ${at}, ${latencyMs} ms; model ${modelVersion}, rung ${rung}`,
    bestRung === undefined ? [] : `Requests waited, so that it was allowed no better rung than ${bestRung}.`,
    rankingFailure === undefined ? [] : `The ranker had no say: ${rankingFailure}`,
    recomputedText(recomputed),
    candidateCount === undefined
      ? []
      : `${candidateCount} candidates${isRecordedWhole ? ', recorded as the ranker saw them' : ', recomputed'}`,
    alignedColumns([
      ['', 'item', 'score', 'candidate', 'ranked', 'from', 'proposed by'],
      ...items.map((item) => rowOf(item, nameOf)),
    ]),
    rules.flatMap(({ position, description, removed }) =>
      removed.length === 0 ? [] : `Rule ${position + 1}, ${description}, turned away ${removed.map(nameOf).join(', ')}`,
    ),
    asked === undefined ? [] : `${nameOf(asked.itemId)}: ${asked.message}`,
    best === undefined
      ? []
      : [
          `Why ${nameOf(best.itemId)} got its score, by the row as it was served:`,
          ...describeExplanation(best.explanation!, featureCount === undefined ? {} : { featureCount }),
        ],
  ].flat()
}

function recomputedText({ isSame, failure, caveats }: ExplainedAnswer['recomputed']): readonly string[] {
  if (failure !== undefined) return [`It cannot be computed again: ${failure}`, ...caveats]
  return [
    isSame ? 'Computed again it came out the same.' : 'Computed again it came out otherwise: see "millrace replay".',
    ...caveats,
  ]
}

const rowOf = (
  { place, itemId, score, generator, proposals, candidatePlace, rankedPlace }: ExplainedItem,
  nameOf: (itemId: string) => string,
): string[] => [
  `${place}.`,
  nameOf(itemId),
  score.toFixed(4),
  candidatePlace === undefined ? '' : `${candidatePlace}.`,
  rankedPlace === undefined ? '' : `${rankedPlace}.`,
  generator,
  proposals.map((proposal) => `${proposal.generator} ${proposal.rank}.`).join(', '),
]
