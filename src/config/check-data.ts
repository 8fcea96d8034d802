// The first component of a system file: what there is to know, where it comes from, how long it is kept.
import { checkChecks } from './check-checks.ts'
import { checkFeatures } from './check-features.ts'
import { checkOwner } from './check-owner.ts'
import { checkSources } from './check-sources.ts'
import { describe, type Inspection, type NameKind, pathOf } from './inspection.ts'
import type { AttributePlan, AttributeType, InteractionPlan, Plan, SkewPlan } from './plan.ts'
import { entityColumns, interactionColumns } from './sources.ts'

const attributeTypes: readonly AttributeType[] = [
  'category',
  'tags',
  'text',
  'number',
  'integer',
  'boolean',
  'timestamp',
]

const attributeNames: NameKind = {
  noun: 'attribute',
  pattern: /^[A-Za-z]\w{0,63}$/,
  expected: 'a letter, followed by up to 63 letters, digits or "_"',
  reserved: entityColumns,
}

const interactionNames: NameKind = {
  noun: 'interaction',
  pattern: /^[A-Za-z][\w-]{0,63}$/,
  expected: 'a letter, followed by up to 63 letters, digits, "_" or "-"',
  isRequired: true,
}

/** Clocks of browsers and phones run fast by a minute or two; more is a mistake. */
const defaultFutureToleranceMs = 5 * 60_000

export function checkData(value: unknown, inspection: Inspection): Plan['data'] {
  const known = [
    'owner',
    'entities',
    'interactions',
    'sources',
    'features',
    'skew',
    'checks',
    'retention',
    'futureTolerance',
  ]
  const fields = inspection.fields(value, 'data', known)
  const entityFields = inspection.fields(fields.entities, 'data.entities', ['user', 'item'])
  const entities = {
    user: checkAttributes(entityFields.user, 'data.entities.user', inspection),
    item: checkAttributes(entityFields.item, 'data.entities.item', inspection),
  }
  const interactions = checkInteractions(fields.interactions, inspection)
  const owner = checkOwner(fields.owner, 'data', inspection)
  return {
    owner,
    entities,
    interactions,
    sources: checkSources(fields.sources, inspection, { owner, entities, interactions }),
    checks: checkChecks(fields.checks, inspection),
    features: checkFeatures(fields.features, inspection, { owner, entities, interactions }),
    skew: checkSkew(fields.skew, inspection),
    retention: checkRetention(fields.retention, inspection),
    futureToleranceMs:
      fields.futureTolerance === undefined
        ? defaultFutureToleranceMs
        : inspection.duration(fields.futureTolerance, 'data.futureTolerance'),
  }
}

function checkAttributes(value: unknown, where: string, inspection: Inspection): Record<string, AttributePlan> {
  const attributes: Record<string, AttributePlan> = {}
  for (const [name, found] of Object.entries(inspection.named(value, where, attributeNames))) {
    const attribute = found as Partial<AttributePlan> | null
    if (
      attribute?.type !== undefined &&
      attributeTypes.includes(attribute.type) &&
      typeof attribute.isOptional === 'boolean'
    ) {
      attributes[name] = { type: attribute.type, isOptional: attribute.isOptional }
    } else {
      const fix = typeof found === 'function' ? `Write ${found.name}(), with parentheses.` : undefined
      const expected = attributeTypes.map((type) => `${type}()`).join(', ')
      inspection.report(pathOf(where, name), `found ${describe(found)}, expected one of ${expected}.`, fix)
      // Known by name, so that a rule that uses it is not reported a second time.
      attributes[name] = { type: 'category', isOptional: true }
    }
  }
  return attributes
}

function checkInteractions(value: unknown, inspection: Inspection): Record<string, InteractionPlan> {
  const where = 'data.interactions'
  const interactions: Record<string, InteractionPlan> = {}
  for (const [name, found] of Object.entries(inspection.named(value, where, interactionNames))) {
    const at = pathOf(where, name)
    const { weight, values } = inspection.fields(found, at, ['weight', 'values'])
    const valueNames = values === undefined ? [] : checkValues(values, `${at}.values`, inspection)
    interactions[name] = {
      weight: inspection.number(weight, `${at}.weight`, { low: 0, high: 1e6, isLowExcluded: true }),
      ...(valueNames.length > 0 && { values: valueNames }),
    }
  }
  return interactions
}

const valueName = /^[A-Za-z]\w{0,63}$/

function checkValues(value: unknown, where: string, inspection: Inspection): readonly string[] {
  const names = inspection.list(value, where, 'a list of names such as ["durationSeconds"]')
  for (const [i, name] of names.entries()) {
    const at = `${where}[${i}]`
    if (typeof name !== 'string' || !valueName.test(name))
      inspection.report(at, `found ${describe(name)}, expected a letter, followed by up to 63 letters, digits or "_".`)
    else if (reservedValues.includes(name) || name in Object.prototype)
      inspection.report(at, `the name "${name}" is reserved.`, 'Choose another.')
    else if (names.indexOf(name) < i) inspection.report(at, `names ${describe(name)} a second time.`, 'Remove it.')
  }
  return names.filter((name) => typeof name === 'string')
}

/** A value is a column of a file beside these. */
const reservedValues: readonly string[] = [...interactionColumns, 'values']

function checkRetention(value: unknown, inspection: Inspection): Plan['data']['retention'] {
  if (value === undefined) return {}
  const where = 'data.retention'
  const { maxAge, maxBytes } = inspection.fields(value, where, ['maxAge', 'maxBytes'])
  return {
    ...(maxAge !== undefined && { maxAgeMs: inspection.duration(maxAge, `${where}.maxAge`) }),
    ...(maxBytes !== undefined && { maxBytes: inspection.number(maxBytes, `${where}.maxBytes`, bytesRange) }),
  }
}

const bytesRange = { low: 1_000_000, high: Number.MAX_SAFE_INTEGER, isInteger: true }

/** One key in a hundred shows what is wrong with a feature, and costs an answer next to nothing. */
const defaultSkew: SkewPlan = { sampleShare: 0.01, maxBytes: 100_000_000 }

function checkSkew(value: unknown, inspection: Inspection): SkewPlan {
  if (value === undefined) return defaultSkew
  const where = 'data.skew'
  const { sampleShare = defaultSkew.sampleShare, maxBytes = defaultSkew.maxBytes } = inspection.fields(value, where, [
    'sampleShare',
    'maxBytes',
  ])
  return {
    sampleShare: inspection.number(sampleShare, `${where}.sampleShare`, { low: 0, high: 1 }),
    maxBytes: inspection.number(maxBytes, `${where}.maxBytes`, bytesRange),
  }
}
