// A split that somebody else made: pairs of user and item that were held out, in a file of their own.
import type { FileSourcePlan } from '../config/plan.ts'
import { MillraceError } from '../lib/errors.ts'
import { fileRows } from './file-rows.ts'

export interface HeldOutPair {
  readonly userId: string
  readonly itemId: string
}

/**
 * Every row of the file as a pair. Nothing is stored. A row that lacks one of the two fails the whole file, because an evaluation on a part of
 * what was held out would look like one on all of it.
 * @param source where and how, as `heldOutSource` makes it
 * @throws MillraceError IMPORT_FILE_UNREADABLE, IMPORT_FILE_DAMAGED, IMPORT_MAPPING_INVALID, HELD_OUT_INVALID
 */
export async function readHeldOut(source: FileSourcePlan): Promise<readonly HeldOutPair[]> {
  const pairs: HeldOutPair[] = []
  for await (const { rows, where } of fileRows(source.path, source)) {
    for (const [position, row] of rows.entries()) {
      const { userId, itemId } = row as Partial<Record<keyof HeldOutPair, unknown>>
      if (!isId(userId) || !isId(itemId)) {
        throw new MillraceError(
          'HELD_OUT_INVALID',
          `${where(position)}: expected a user and an item, found ${shown(userId)} and ${shown(itemId)}.`,
          {
            fix: 'Mend or remove the row.',
          },
        )
      }
      pairs.push({ userId: String(userId), itemId: String(itemId) })
    }
  }
  return pairs
}

const isId = (value: unknown): boolean => (typeof value === 'string' && value !== '') || typeof value === 'number'

const shown = (value: unknown): string => (value === undefined || value === '' ? 'nothing' : JSON.stringify(value))
