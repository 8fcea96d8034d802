// Searches one generator's settings. The newest part of the history is held back as the test part and never looked at; settings are compared on
// the newest part of the rest.
import { availableParallelism } from 'node:os'
import type { App } from '../app.ts'
import { trainingDataOf } from '../domain/interaction-table.ts'
import { splitByTime } from '../domain/time-split.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import { measureUsers, rankForUsers } from '../training/evaluate.ts'
import { type Trial, tune } from '../training/tune.ts'
import { newItemsByUser } from './evaluate-models.ts'
import type { TrainingInput } from './training-input.ts'

export interface TuneGeneratorOptions {
  readonly k?: number | undefined
  /** Share of the newest interactions that is not looked at at all; 0.2, like the test part of an evaluation. */
  readonly testShare?: number | undefined
  /** Share of the rest that settings are compared on; 0.2 where it is left out. */
  readonly validationShare?: number | undefined
  readonly trialCount: number
  readonly threadCount?: number | undefined
  readonly onTrial?: (trial: Trial, number: number) => void
}

/**
 * @returns trials, best first; the value is the mean NDCG@k over users of the validation part
 * @throws MillraceError UNKNOWN_GENERATOR, NOTHING_TO_TRAIN_ON
 */
export async function tuneGenerator(
  app: App,
  input: TrainingInput,
  name: string,
  options: TuneGeneratorOptions,
): Promise<readonly Trial[]> {
  const kind = generatorNamed(app, name)
  const { k = 20, testShare = 0.2, validationShare = 0.2 } = options
  const beforeTest = splitByTime(input.table, testShare)?.train
  const split = beforeTest && splitByTime(beforeTest, validationShare)
  if (!split) {
    throw new MillraceError(
      'NOTHING_TO_TRAIN_ON',
      'The history is too short to hold back a test and a validation part.',
      {
        fix: 'Import more history.',
      },
    )
  }
  const data = trainingDataOf(split.train, split.splitAtMs)
  const heldOut = {
    trainItemsByUser: data.itemsByUser,
    trainSequences: data.sequences,
    testItemsByUser: newItemsByUser(split.test, data.itemsByUser),
  }
  const { seed } = app.plan.training
  const context = { seed, threadCount: options.threadCount ?? availableParallelism(), log: () => {} }
  const assess = async (candidate: GeneratorKind): Promise<number> => {
    const generator = candidate.open(await candidate.train(data, context), { itemCount: data.itemIds.length })
    const { ndcg } = measureUsers(rankForUsers(generator, heldOut, k), heldOut.testItemsByUser).values
    return ndcg.reduce((sum, value) => sum + value, 0) / Math.max(1, ndcg.length)
  }
  return tune(kind, assess, {
    seed,
    trialCount: options.trialCount,
    ...(options.onTrial && { onTrial: options.onTrial }),
  })
}

function generatorNamed(app: App, name: string): GeneratorKind {
  const kind = app.system.generators[name]
  if (kind) return kind
  throw new MillraceError('UNKNOWN_GENERATOR', `training.candidates has no generator called ${JSON.stringify(name)}.`, {
    fix: suggestName(name, Object.keys(app.system.generators)),
  })
}
