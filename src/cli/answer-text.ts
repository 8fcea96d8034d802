// An explained answer as lines for people.
import type { ExplainedAnswer, ExplainedItem } from '../domain/explained-answer.ts'
import { isoTime } from '../domain/iso-time.ts'
import { alignedColumns } from '../lib/aligned-columns.ts'
import { describeExplanation } from '../training/explanation.ts'

export function describeAnswer(answer: ExplainedAnswer): readonly string[] {
  const { requestId, placement, userId, atMs, latencyMs, modelVersion, rung, rankingFailure, candidateCount } = answer
  const { recomputed, items, rules, asked, isRecordedWhole } = answer
  const best = items.find(({ explanation }) => explanation !== undefined)
  return [
    `${requestId}: ${placement} for ${userId ?? 'an anonymous visitor'}, ${isoTime(atMs)}, ${latencyMs} ms; model ${modelVersion}, rung ${rung}`,
    rankingFailure === undefined ? [] : `The ranker had no say: ${rankingFailure}`,
    recomputedText(recomputed),
    candidateCount === undefined
      ? []
      : `${candidateCount} candidates${isRecordedWhole ? ', recorded as the ranker saw them' : ', recomputed'}`,
    alignedColumns([['', 'item', 'score', 'candidate', 'ranked', 'from', 'proposed by'], ...items.map(rowOf)]),
    rules.flatMap(({ position, description, removed }) =>
      removed.length === 0 ? [] : `Rule ${position + 1}, ${description}, turned away ${removed.join(', ')}`,
    ),
    asked === undefined ? [] : `${asked.itemId}: ${asked.message}`,
    best === undefined
      ? []
      : [`Why ${best.itemId} got its score, by the row as it was served:`, ...describeExplanation(best.explanation!)],
  ].flat()
}

function recomputedText({ isSame, failure, caveats }: ExplainedAnswer['recomputed']): readonly string[] {
  if (failure !== undefined) return [`It cannot be computed again: ${failure}`, ...caveats]
  return [
    isSame ? 'Computed again it came out the same.' : 'Computed again it came out otherwise: see "millrace replay".',
    ...caveats,
  ]
}

const rowOf = ({
  place,
  itemId,
  score,
  generator,
  proposals,
  candidatePlace,
  rankedPlace,
}: ExplainedItem): string[] => [
  `${place}.`,
  itemId,
  score.toFixed(4),
  candidatePlace === undefined ? '' : `${candidatePlace}.`,
  rankedPlace === undefined ? '' : `${rankedPlace}.`,
  generator,
  proposals.map((proposal) => `${proposal.generator} ${proposal.rank}.`).join(', '),
]
