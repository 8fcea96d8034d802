import { type InteractionTable, InteractionTableBuilder } from './interaction-table.ts'

export interface GivenSplit {
  readonly train: InteractionTable
  /** Only users and items count; weights are 1 and times 0. */
  readonly test: InteractionTable
}

/** Everything in the table trains, the pairs test. Users and items that only the pairs know are known to both sides, without interactions. */
export function givenSplit(
  table: InteractionTable,
  pairs: readonly { readonly userId: string; readonly itemId: string }[],
): GivenSplit {
  const builder = new InteractionTableBuilder()
  for (const userId of table.userIds) builder.addUser(userId)
  for (const itemId of table.itemIds) builder.addItem(itemId)
  for (const { userId, itemId } of pairs) builder.add(userId, itemId, 1, 0)
  const test = builder.build()
  return { train: { ...table, userIds: test.userIds, itemIds: test.itemIds }, test }
}
