// What "better settings" means for a candidate generator: how well it foretells a later part of the history.
import { trainingDataOf } from '../domain/interaction-table.ts'
import { partOfUsers } from '../domain/part-of-users.ts'
import type { TimeSplit } from '../domain/time-split.ts'
import { meanOf } from '../lib/bootstrap.ts'
import type { GeneratorKind, TrainContext } from '../ports/candidate-generator.ts'
import { measureUsers, rankForUsers, type UserMetric, type UserMetricValues } from '../training/evaluate.ts'
import type { ParameterRanges, Parameters } from '../training/parameter-space.ts'
import type { TuningTask } from '../training/tune.ts'
import { newItemsByUser } from './evaluate-models.ts'

export interface GeneratorTaskOptions extends TrainContext {
  readonly metric: UserMetric
  readonly k: number
}

/** Settings of one kind, compared on the later side of a split. A budget below 1 trains on, and asks, so large a part of the users only. */
export function generatorTask(
  kind: GeneratorKind,
  parameters: ParameterRanges,
  split: TimeSplit,
  options: GeneratorTaskOptions,
): TuningTask {
  return {
    parameters,
    present: Object.fromEntries(Object.keys(parameters).map((name) => [name, kind.options[name]!])),
    evaluate: async (settings: Parameters, budget) => {
      const { values } = await measureOnSplit(kind.with(settings), partOfSplit(split, budget), options)
      const value = values[options.metric]
      return value.length === 0 ? 0 : meanOf(value)
    },
  }
}

/** Trains on the earlier side and measures on the later one, user by user. */
export async function measureOnSplit(
  kind: GeneratorKind,
  { train, test, splitAtMs }: TimeSplit,
  options: GeneratorTaskOptions,
): Promise<UserMetricValues> {
  const data = trainingDataOf(train, splitAtMs)
  const heldOut = {
    trainItemsByUser: data.itemsByUser,
    trainSequences: data.sequences,
    testItemsByUser: newItemsByUser(test, data.itemsByUser),
  }
  const generator = kind.open(await kind.train(data, options), { itemCount: data.itemIds.length })
  return measureUsers(rankForUsers(generator, heldOut, options.k), heldOut.testItemsByUser)
}

const partOfSplit = ({ train, test, splitAtMs }: TimeSplit, share: number): TimeSplit => ({
  train: partOfUsers(train, share),
  test: partOfUsers(test, share),
  splitAtMs,
})
