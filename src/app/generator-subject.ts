// Tuning of a candidate generator: trials learn from the oldest part and are compared on the next one; the winner is confirmed on a third, behind which the test part begins.
import { type InteractionTable, itemsByUserOf } from '../domain/interaction-table.ts'
import { splitAt, splitByTime } from '../domain/time-split.ts'
import { MillraceError } from '../lib/errors.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import { newItemsByUser } from './evaluate-models.ts'
import { splitMeasure } from './split-measure.ts'
import { type SearchFacts, type TuningSubject, tooFewToCut, withoutTestPart } from './tuning-subject.ts'

/** Shares of what is left without the test part: first the part that confirms goes, then the validation part. */
const CONFIRMATION_SHARE = 0.1
const VALIDATION_SHARE = 0.2

export function generatorSubject(name: string, kind: GeneratorKind): TuningSubject {
  return {
    name,
    kind: kind.kind,
    options: kind.options,
    tunable: kind.tunable,
    cut(table, { metric, ...context }, earlier) {
      const { test, confirmation, validation } = partsOf(table, earlier)
      const [compared, confirmed] = [validation, confirmation].map((split) => splitMeasure(split, context))
      return {
        facts: {
          testAtMs: test.splitAtMs,
          validationAtMs: validation.splitAtMs,
          confirmationAtMs: confirmation.splitAtMs,
          interactionCount: test.train.weights.length,
        },
        validate: async (settings, share) => (await compared!(kind.with(settings), share)).values[metric],
        confirm: async (settings) => (await confirmed!(kind.with(settings), 1)).values[metric],
      }
    },
  }
}

function partsOf(table: InteractionTable, earlier: SearchFacts | undefined) {
  const split = (from: InteractionTable | undefined, share: number, atMs: unknown) =>
    from && (typeof atMs === 'number' ? splitAt(from, atMs) : splitByTime(from, share))
  const test = withoutTestPart(table, earlier)
  const confirmation = split(test?.train, CONFIRMATION_SHARE, earlier?.confirmationAtMs)
  const validation = split(confirmation?.train, VALIDATION_SHARE, earlier?.validationAtMs)
  if (!test || !confirmation || !validation) throw tooFewToCut(table)
  const asked = newItemsByUser(validation.test, itemsByUserOf(validation.train))
  if (asked.columns.length === 0) {
    throw new MillraceError(
      'TUNING_INPUT_INVALID',
      'In the validation part nobody chose anything that was new to them: every setting would score 0.',
      { fix: 'Import more history.' },
    )
  }
  return { test, confirmation, validation }
}
