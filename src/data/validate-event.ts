// The gate to the event log: a row as it came becomes an event, or a rejection that names every problem. Pure; what can be decided from the plan is
// decided once, so that a row costs about a microsecond.
import type { Plan } from '../config/plan.ts'
import type { Attributes, AttributeValue, EntityEvent, EntityName, InteractionEvent } from '../domain/event.ts'
import { SUMMABLE_MAX } from '../domain/feature.ts'
import { suggestName } from '../lib/nearest-name.ts'
import { attributeReader, attributeTypeNames, type RowReading } from './row-attribute.ts'
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

const interactionFields = ['kind', 'id', 'interaction', 'userId', 'itemId', 'eventTime', 'weight', 'values']
const entityFields = ['id', 'entity', 'entityId', 'change', 'attributes', 'eventTime']
const changes = ['put', 'patch', 'delete'] as const

/** A weight above this is a mistake, and sums of them would lose their small parts. */
const WEIGHT_MAX = 1e9

/**
 * Judges rows of the form `{ userId, itemId, eventTime, interaction?, weight?, values?, id?, kind?: 'interaction' }`, with `declared` also `knownTime?`.
 * @param options `interaction`: of every row that has none
 */
export function interactionCheck(
  plan: Plan,
  {
    reading = typedReading,
    interaction: defaultInteraction,
    declared,
  }: {
    readonly reading?: RowReading
    readonly interaction?: string | undefined
    readonly declared?: Declared
  } = {},
): RowCheck {
  const problems = new RowProblems()
  const known = Object.keys(plan.data.interactions)
  const isKnown = new Set(known)
  const fields = declared === undefined ? interactionFields : [...interactionFields, 'knownTime']
  const readTime = timeReader(plan, reading, problems)
  const knownTimeOf = knownTimeReader(declared, reading, problems)
  const readValues = valuesReader(plan, reading, problems)

  const interactionOf = (found: unknown): string | undefined => {
    const name = isMissing(found) ? defaultInteraction : found
    if (typeof name === 'string' && isKnown.has(name)) return name
    if (name === undefined) return problems.add('MISSING_INTERACTION', 'interaction: found nothing, expected its name.')
    const hint = suggestName(typeof name === 'string' ? name.slice(0, 100) : '', known)
    return problems.add(
      'UNKNOWN_INTERACTION',
      `interaction: found ${shown(name)}, expected one that the system file defines. ${hint}`,
    )
  }

  return (row, position, context) => {
    problems.clear()
    if (!isRow(row)) return malformedRow(row)
    for (const field in row) if (!fields.includes(field)) addUnknownField(problems, field, fields)
    if (!isMissing(row.kind) && row.kind !== 'interaction')
      problems.add('MALFORMED_ROW', `kind: found ${shown(row.kind)}, expected "interaction" or "impression".`)
    const userId = rowId(row.userId, 'userId', { missing: 'MISSING_USER_ID', problems })
    const itemId = rowId(row.itemId, 'itemId', { missing: 'MISSING_ITEM_ID', problems })
    const interaction = interactionOf(row.interaction)
    const eventTimeMs = readTime(row.eventTime, context)
    const knownTimeMs = knownTimeOf(row.knownTime, eventTimeMs)
    const weight = weightOf(row.weight, reading, problems)
    const values = readValues(row.values, interaction)
    const givenId = isMissing(row.id) ? undefined : rowId(row.id, 'id', { missing: 'MALFORMED_ID', problems })
    const rejection = problems.rejection()
    if (rejection) return rejection

    const id =
      givenId ??
      contentId([
        ...[context.source, ...placeOf(row, position, context), interaction, userId, itemId, eventTimeMs, weight],
        // Only where there are some: rows without values keep the ids that they had before there were any.
        ...(values === undefined ? [] : [values]),
      ])
    const event = {
      kind: 'interaction',
      id,
      interaction: interaction!,
      userId: userId!,
      itemId: itemId!,
      eventTimeMs: eventTimeMs!,
    } as const
    if (values === undefined && knownTimeMs === undefined && (weight === undefined || weight === 1)) return event
    return {
      ...event,
      ...(knownTimeMs !== undefined && { knownTimeMs }),
      ...(weight !== undefined && weight !== 1 && { weight }),
      ...(values !== undefined && { values }),
    } satisfies InteractionEvent
  }
}

/** Judges rows of the form `{ entityId, attributes, change?, eventTime?, id? }`, with `declared` also `knownTime?`; a row without `change` is a `put`. */
export function entityCheck(
  plan: Plan,
  {
    entity,
    reading = typedReading,
    declared,
  }: { readonly entity: EntityName; readonly reading?: RowReading; readonly declared?: Declared },
): RowCheck {
  const problems = new RowProblems()
  const fields = declared === undefined ? entityFields : [...entityFields, 'knownTime']
  const knownTimeOf = knownTimeReader(declared, reading, problems)
  const readTime = timeReader(plan, reading, problems)
  const readAttributes = attributesReader(plan, entity, { reading, problems })

  return (row, position, context) => {
    problems.clear()
    if (!isRow(row)) return malformedRow(row)
    for (const field in row) if (!fields.includes(field)) addUnknownField(problems, field, fields)
    const entityId = rowId(row.entityId, `${entity}Id`, { missing: 'MISSING_ENTITY_ID', problems })
    const change = changeOf(row.change, problems)
    const attributes = readAttributes(row.attributes, change)
    // Where only the time is told at which it was known, it has held since then.
    const hasOnlyKnownTime = isMissing(row.eventTime) && !isMissing(row.knownTime) && context.missingTime !== 'reject'
    const eventTimeMs = readTime(hasOnlyKnownTime ? row.knownTime : row.eventTime, context)
    const knownTimeMs = knownTimeOf(row.knownTime, eventTimeMs)
    const givenId = isMissing(row.id) ? undefined : rowId(row.id, 'id', { missing: 'MALFORMED_ID', problems })
    const rejection = problems.rejection()
    if (rejection) return rejection

    const id =
      givenId ??
      contentId([context.source, ...placeOf(row, position, context), entity, change, entityId, eventTimeMs, attributes])
    return {
      kind: 'entity',
      id,
      entity,
      entityId: entityId!,
      change,
      attributes,
      eventTimeMs: eventTimeMs!,
      ...(knownTimeMs !== undefined && { knownTimeMs }),
    } satisfies EntityEvent
  }
}

function weightOf(found: unknown, { areValuesText }: RowReading, problems: RowProblems): number | undefined {
  if (isMissing(found)) return undefined
  const weight = numberOf(found, areValuesText)
  if (typeof weight !== 'number' || !Number.isFinite(weight) || weight > WEIGHT_MAX) {
    return problems.add(
      'MALFORMED_WEIGHT',
      `weight: found ${shown(found)}, expected a number above 0 and at most ${WEIGHT_MAX}.`,
    )
  }
  if (weight <= 0)
    return problems.add('WEIGHT_NOT_POSITIVE', `weight: found ${shown(found)}, expected a number above 0.`)
  return weight
}

type Values = NonNullable<InteractionEvent['values']>

/** The values that were measured; undefined where there are none. In the order of the system file, so that equal rows get equal ids. */
function valuesReader({ data }: Plan, { areValuesText }: RowReading, problems: RowProblems) {
  const namesBy = new Map(Object.entries(data.interactions).map(([name, { values = [] }]) => [name, values]))

  const readValue = (name: string, found: unknown): number | undefined => {
    const value = numberOf(found, areValuesText)
    if (typeof value === 'number' && Math.abs(value) <= SUMMABLE_MAX) return value
    return problems.add(
      'MALFORMED_VALUE',
      `values.${name}: found ${shown(found)}, expected a number from -${SUMMABLE_MAX} to ${SUMMABLE_MAX}.`,
    )
  }

  return (found: unknown, interaction: string | undefined): Values | undefined => {
    if (found === undefined || found === null) return undefined
    if (!isRow(found)) {
      return problems.add('MALFORMED_ROW', `values: found ${shown(found)}, expected an object of numbers by name.`)
    }
    // An unknown interaction was reported already.
    const known = interaction === undefined ? undefined : namesBy.get(interaction)
    if (known === undefined) return undefined
    for (const name of Object.keys(found)) {
      if (isMissing(found[name]) || known.includes(name)) continue
      const hint = suggestName(name.slice(0, 100), known)
      problems.add('UNKNOWN_VALUE', `Found the unknown value ${shown(name)} of ${interaction}. ${hint}`)
    }
    const values: Record<string, number> = {}
    for (const name of known) {
      if (isMissing(found[name])) continue
      const value = readValue(name, found[name])
      if (value !== undefined) values[name] = value
    }
    for (const _ in values) return values
    return undefined
  }
}

function changeOf(found: unknown, problems: RowProblems): EntityEvent['change'] {
  if (found === undefined) return 'put'
  const change = changes.find((known) => known === found)
  if (change === undefined)
    problems.add('MALFORMED_ROW', `change: found ${shown(found)}, expected ${changes.join(', ')}.`)
  return change ?? 'put'
}

function attributesReader(
  plan: Plan,
  entity: EntityName,
  { reading, problems }: { readonly reading: RowReading; readonly problems: RowProblems },
) {
  const plans = plan.data.entities[entity]
  const names = Object.keys(plans)
  const required = names.filter((name) => !plans[name]!.isOptional)
  const readers = new Map(names.map((name) => [name, attributeReader(plans[name]!.type, reading)]))
  // In CSV an empty text is no value; in JSON it is a text, and null says that there is none.
  const isEmpty = reading.areValuesText ? isMissing : (found: unknown) => found === undefined || found === null

  const readValue = (name: string, found: unknown): AttributeValue | undefined => {
    const read = readers.get(name)
    if (!read)
      return problems.add(
        'UNKNOWN_ATTRIBUTE',
        `Found the unknown attribute ${shown(name)} of ${entity}. ${suggestName(name.slice(0, 100), names)}`,
      )
    if (isEmpty(found)) return null
    const value = read(found)
    if (value !== undefined) return value
    const { type } = plans[name]!
    return problems.add(
      'MALFORMED_ATTRIBUTE',
      `${name}: found ${shown(found)}, expected ${type}: ${attributeTypeNames[type]}.`,
    )
  }

  return (found: unknown, change: EntityEvent['change']): Attributes => {
    if (change === 'delete') return {}
    if (!isRow(found)) {
      if (found !== undefined || required.length > 0) {
        problems.add('MALFORMED_ROW', `attributes: found ${shown(found)}, expected an object of attributes by name.`)
      }
      return {}
    }
    const attributes: Record<string, AttributeValue> = {}
    for (const name of Object.keys(found)) {
      const value = readValue(name, found[name])
      // A put says all there is, so an empty value needs no mention; a patch empties by it.
      if (value !== undefined && (value !== null || change === 'patch')) attributes[name] = value
    }
    const wanted = change === 'put' ? required : required.filter((name) => attributes[name] === null)
    for (const name of wanted) {
      if (isEmpty(found[name]))
        problems.add('MISSING_ATTRIBUTE', `${name}: found nothing, expected ${attributeTypeNames[plans[name]!.type]}.`)
    }
    return attributes
  }
}
