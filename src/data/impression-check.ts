// The gate to the event log for what was shown: a list of items becomes an impression, or a rejection that names every problem.
import type { Plan } from '../config/plan.ts'
import { type ImpressionEvent, SHOWN_COUNT_MAX } from '../domain/event.ts'
import { decodedServedRows } from '../domain/served-rows.ts'
import { type RowReading, splitList } from './row-attribute.ts'
import {
  addUnknownField,
  type Declared,
  isMissing,
  isRow,
  knownTimeReader,
  malformedRow,
  numberOf,
  placeOf,
  type RowCheck,
  timeReader,
  typedReading,
} from './row-check.ts'
import { contentId, rowId } from './row-id.ts'
import { RowProblems, shown } from './row-problems.ts'

/** What goes with an impression, besides its list and its time. */
const impressionFields = [
  'kind',
  'id',
  'userId',
  'itemIds',
  'eventTime',
  'placement',
  'modelVersion',
  'rung',
  'scores',
  'propensities',
  'served',
]

/**
 * Judges rows of the form `{ userId, itemIds, eventTime, id?, placement?, modelVersion?, rung?, scores?, propensities?, served? }`, with `declared` also
 * `knownTime?`. Whether the items and the model exist is not asked: a list may be of earlier than what the log knows of them.
 */
export function impressionCheck(
  plan: Plan,
  { reading = typedReading, declared }: { readonly reading?: RowReading; readonly declared?: Declared } = {},
): RowCheck {
  const problems = new RowProblems()
  const fields = declared === undefined ? impressionFields : [...impressionFields, 'knownTime']
  const readTime = timeReader(plan, reading, problems)
  const knownTimeOf = knownTimeReader(declared, reading, problems)
  const listOf = (found: unknown): unknown =>
    reading.areValuesText && typeof found === 'string' ? splitList(found) : found

  const itemsOf = (given: unknown): readonly string[] | undefined => {
    const found = listOf(given)
    if (isMissing(found) || (Array.isArray(found) && found.length === 0))
      return problems.add('MISSING_ITEM_ID', 'itemIds: found nothing, expected the items in the order shown.')
    if (!Array.isArray(found) || found.length > SHOWN_COUNT_MAX)
      return problems.add(
        'MALFORMED_IMPRESSION',
        `itemIds: found ${Array.isArray(found) ? `${found.length} items` : shown(found)}, expected a list of at most ${SHOWN_COUNT_MAX}.`,
      )
    const places = new Map<string, number>()
    for (const [place, item] of found.entries()) {
      const itemId = rowId(item, `itemIds[${place}]`, { missing: 'MISSING_ITEM_ID', problems })
      if (itemId === undefined) continue
      const earlier = places.get(itemId)
      if (earlier === undefined) places.set(itemId, place)
      else
        problems.add(
          'MALFORMED_IMPRESSION',
          `itemIds: found ${shown(itemId)} at places ${earlier + 1} and ${place + 1}, expected each item once.`,
        )
    }
    return [...places.keys()]
  }

  /** One number an item, in their order. */
  const numbersOf = (
    name: string,
    given: unknown,
    {
      itemCount,
      isFine,
      expected,
    }: { itemCount: number | undefined; isFine: (n: number) => boolean; expected: string },
  ): readonly number[] | undefined => {
    const found = listOf(given)
    if (isMissing(found)) return undefined
    if (!Array.isArray(found))
      return problems.add('MALFORMED_IMPRESSION', `${name}: found ${shown(found)}, expected a list.`)
    // A list of items that is not in order was reported already.
    if (itemCount !== undefined && found.length !== itemCount)
      return problems.add(
        'MALFORMED_IMPRESSION',
        `${name}: found ${found.length} of them, expected ${itemCount}, one an item.`,
      )
    const numbers = found.map((number) => numberOf(number, reading.areValuesText))
    const bad = numbers.findIndex((number) => typeof number !== 'number' || !Number.isFinite(number) || !isFine(number))
    if (bad < 0) return numbers as number[]
    return problems.add('MALFORMED_IMPRESSION', `${name}[${bad}]: found ${shown(found[bad])}, expected ${expected}.`)
  }

  const textOf = (name: string, found: unknown): string | undefined =>
    isMissing(found) ? undefined : rowId(found, name, { missing: 'MALFORMED_ID', problems })

  const servedOf = (
    found: unknown,
    { itemIds, modelVersion }: Pick<Partial<ImpressionEvent>, 'itemIds' | 'modelVersion'>,
  ): string | undefined => {
    if (isMissing(found)) return undefined
    if (modelVersion === undefined)
      problems.add('MALFORMED_IMPRESSION', 'served: found rows without a modelVersion, whose columns they have.')
    if (itemIds === undefined) return undefined
    if (typeof found === 'string' && decodedServedRows(found, itemIds.length) !== undefined) return found
    return problems.add(
      'MALFORMED_IMPRESSION',
      `served: found ${typeof found === 'string' ? `${found.length} characters` : shown(found)}, expected base64 of 4 bytes for each of ${itemIds.length} items and each column.`,
    )
  }

  return (row, position, context) => {
    problems.clear()
    if (!isRow(row)) return malformedRow(row)
    for (const field in row) if (!fields.includes(field)) addUnknownField(problems, field, fields)
    if (!isMissing(row.kind) && row.kind !== 'impression')
      problems.add('MALFORMED_IMPRESSION', `kind: found ${shown(row.kind)}, expected "impression".`)
    const userId = rowId(row.userId, 'userId', { missing: 'MISSING_USER_ID', problems })
    const itemIds = itemsOf(row.itemIds)
    const itemCount = itemIds?.length
    const eventTimeMs = readTime(row.eventTime, context)
    const knownTimeMs = knownTimeOf(row.knownTime, eventTimeMs)
    const placement = textOf('placement', row.placement)
    const modelVersion = textOf('modelVersion', row.modelVersion)
    const rung = textOf('rung', row.rung)
    const scores = numbersOf('scores', row.scores, { itemCount, isFine: () => true, expected: 'a finite number' })
    const propensities = numbersOf('propensities', row.propensities, {
      itemCount,
      isFine: (number) => number > 0 && number <= 1,
      expected: 'a number above 0 and at most 1',
    })
    const served = servedOf(row.served, { itemIds, modelVersion })
    const givenId = isMissing(row.id) ? undefined : rowId(row.id, 'id', { missing: 'MALFORMED_ID', problems })
    const rejection = problems.rejection()
    if (rejection) return rejection

    const id =
      givenId ??
      contentId([
        context.source,
        ...placeOf(row, position, context),
        ...['impression', userId, itemIds, eventTimeMs, placement],
      ])
    return {
      kind: 'impression',
      id,
      userId: userId!,
      itemIds: itemIds!,
      eventTimeMs: eventTimeMs!,
      ...(placement !== undefined && { placement }),
      ...(modelVersion !== undefined && { modelVersion }),
      ...(rung !== undefined && { rung }),
      ...(scores !== undefined && { scores }),
      ...(propensities !== undefined && { propensities }),
      ...(served !== undefined && { served }),
      ...(knownTimeMs !== undefined && { knownTimeMs }),
    } satisfies ImpressionEvent
  }
}
