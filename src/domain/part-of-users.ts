import { unitHash } from '../lib/unit-hash.ts'
import { type InteractionTable, interactionsWhere } from './interaction-table.ts'

/** The interactions of so large a share of the users, the same ones every time; a smaller share's users are among those of a larger one. */
export function partOfUsers(table: InteractionTable, share: number): InteractionTable {
  if (share >= 1) return table
  const isChosen = table.userIds.map((userId) => unitHash(userId) < share)
  return interactionsWhere(table, (i) => isChosen[table.userIndexes[i]!]!)
}
