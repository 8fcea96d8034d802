import { parseFilter } from '../domain/filter-parser.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Inspection } from './inspection.ts'
import type { AttributePlan } from './plan.ts'

/** A filter expression of the system file, read as a request's filter is, so that it cannot fail at the first answer. */
export function checkFilter(
  value: unknown,
  where: string,
  inspection: Inspection,
  item: Readonly<Record<string, AttributePlan>>,
): string {
  const filter = inspection.text(value, where, `a filter such as "category = 'shoes' and price < 20"`)
  if (filter === '') return filter
  try {
    parseFilter(filter, item)
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    const found = error.problems.length > 0 ? error.problems : [error]
    for (const { message, fix } of found) inspection.report(where, message, fix)
  }
  return filter
}
