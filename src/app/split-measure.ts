// How well settings of a candidate generator foretell the later side of a split.
import { type InteractionTable, trainingDataOf } from '../domain/interaction-table.ts'
import { partOfUsers } from '../domain/part-of-users.ts'
import type { TimeSplit } from '../domain/time-split.ts'
import type { TrainingData } from '../domain/training-data.ts'
import type { GeneratorKind, TrainContext } from '../ports/candidate-generator.ts'
import { type HeldOut, measureUsers, rankForUsers, type UserMetricValues } from '../training/evaluate.ts'
import { heldOutOf } from './evaluate-models.ts'

/**
 * Trains on the earlier side and measures on the later one, user by user. What every setting learns from and is asked about is made once.
 * @returns told a kind, and which share of the users to learn from and ask, the same ones every time
 */
export function splitMeasure(
  { train, test, splitAtMs }: TimeSplit,
  { k, ...context }: TrainContext & { readonly k: number },
): (kind: GeneratorKind, share: number) => Promise<UserMetricValues> {
  const sidesByShare = new Map<number, { readonly data: TrainingData; readonly heldOut: HeldOut }>()
  const sidesOf = (share: number) => {
    const part = (table: InteractionTable): InteractionTable => partOfUsers(table, share)
    const data = trainingDataOf(part(train), splitAtMs)
    return { data, heldOut: heldOutOf(data, part(test)) }
  }
  return async (kind, share) => {
    const sides = sidesByShare.get(share) ?? sidesOf(share)
    sidesByShare.set(share, sides)
    const { data, heldOut } = sides
    const generator = kind.open(await kind.train(data, context), { itemCount: data.itemIds.length })
    return measureUsers(rankForUsers(generator, heldOut, k), heldOut.testItemsByUser)
  }
}
