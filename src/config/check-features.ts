// Features of the system file: what types cannot see, and the definitions that every engine reads.
import type { EntityName } from '../domain/event.ts'
import {
  type AttributeKind,
  type AttributePath,
  type Counted,
  type FeatureDefinition,
  type FeatureFamily,
  type FeatureFormula,
  WINDOW_MAX_MS,
  WINDOW_MIN_MS,
} from '../domain/feature.ts'
import { contentHash } from '../lib/canonical-json.ts'
import { kindOfType } from './attribute-kind.ts'
import { describe, type Inspection, type NameKind, pathOf } from './inspection.ts'
import type { AttributePlan, AttributeType, InteractionPlan } from './plan.ts'
import { groupTypes } from './rules.ts'

const featureNames: NameKind = {
  noun: 'feature',
  pattern: /^[A-Za-z]\w{0,63}$/,
  expected: 'a letter, followed by up to 63 letters, digits or "_"',
  // What the rows of a training set have besides features, and beside each of them. Upper and lower case are the same to SQL.
  reservedPattern: /^(rowId|userId|itemId|momentMs)$|__(status|newest_ms)$/i,
}

/** What a feature may name. */
export interface FeatureContext {
  readonly owner: string
  readonly entities: Readonly<Record<EntityName, Readonly<Record<string, AttributePlan>>>>
  readonly interactions: Readonly<Record<string, InteractionPlan>>
}

const described = ['owner', 'description', 'ttl', 'default']
const windowed = ['of', 'by', 'window']

/** The settings of each family, besides what every feature has. */
const settings: Readonly<Record<FeatureFamily, readonly string[]>> = {
  count: windowed,
  sum: [...windowed, 'value'],
  mean: [...windowed, 'value'],
  min: [...windowed, 'value'],
  max: [...windowed, 'value'],
  rate: [...windowed, 'per', 'prior', 'strength'],
  share: [...windowed, 'over'],
  last: [...windowed, 'value'],
  since: windowed,
  distinct: [...windowed, 'value'],
  sessionMean: [...windowed, 'gap', 'value'],
  attribute: ['path'],
  ratioToGroup: [...windowed, 'group'],
  cross: ['share', 'attribute'],
  similarity: ['user', 'item'],
}

const constructorNames = 'count(), rate(), share() or attribute()'

/** The definitions by name, so that the order in which they are written changes nothing. */
export function checkFeatures(value: unknown, inspection: Inspection, context: FeatureContext): FeatureDefinition[] {
  if (value === undefined) return []
  const where = 'data.features'
  const definitions: FeatureDefinition[] = []
  const found = Object.entries(inspection.named(value, where, featureNames))
  const names = found.map(([name]) => name)
  for (const [name, feature] of found) {
    const at = pathOf(where, name)
    const { family, options } = (feature ?? {}) as { readonly family?: unknown; readonly options?: unknown }
    if (typeof family !== 'string' || !Object.hasOwn(settings, family)) {
      const fix = typeof feature === 'function' ? `Write ${feature.name}({ ... }).` : undefined
      inspection.report(at, `found ${describe(feature)}, expected a feature such as ${constructorNames}.`, fix)
      continue
    }
    const reader = new FeatureReader(at, inspection, context, names)
    definitions.push(reader.definition(name, family as FeatureFamily, options))
  }
  checkPairs(definitions, inspection, { names, entities: context.entities })
  return withSharesInVersions(definitions).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A pair's value changes with the shares that it is made of, which its formula only names. */
function withSharesInVersions(definitions: readonly FeatureDefinition[]): FeatureDefinition[] {
  const versions = new Map(definitions.map(({ name, version }) => [name, version]))
  return definitions.map((definition) => {
    const { formula, version } = definition
    if (formula.by !== 'pair') return definition
    const shares = formula.family === 'cross' ? [formula.share] : [formula.user, formula.item]
    return { ...definition, version: versionOf([version, ...shares.map((name) => versions.get(name) ?? '')]) }
  })
}

const versionOf = (content: unknown): string => contentHash(content).slice(0, 16)

/** Reads the options of one feature. */
class FeatureReader {
  readonly #at: string
  readonly #inspection: Inspection
  readonly #context: FeatureContext
  readonly #names: readonly string[]

  constructor(at: string, inspection: Inspection, context: FeatureContext, names: readonly string[]) {
    this.#at = at
    this.#inspection = inspection
    this.#context = context
    this.#names = names
  }

  definition(name: string, family: FeatureFamily, options: unknown): FeatureDefinition {
    const fields = this.#inspection.fields(options, this.#at, [...settings[family], ...described])
    const formula = this.#formula(family, fields)
    const { owner, description, ttl } = fields
    const standIn = this.#standIn(fields.default, formula)
    const text = 'a text of 1 to 500 characters'
    return {
      name,
      owner:
        owner === undefined
          ? this.#context.owner
          : this.#inspection.text(owner, `${this.#at}.owner`, 'who answers for it', /^\S.{0,199}$/),
      description:
        description === undefined
          ? describeFormula(formula)
          : this.#inspection.text(description, `${this.#at}.description`, text, /^\S[\s\S]{0,499}$/),
      formula,
      ...(ttl !== undefined && { ttlMs: this.#inspection.duration(ttl, `${this.#at}.ttl`) }),
      ...(standIn !== undefined && { default: standIn }),
      version: versionOf(formula),
    }
  }

  #formula(family: FeatureFamily, fields: Readonly<Record<string, unknown>>): FeatureFormula {
    switch (family) {
      case 'attribute': {
        const { entity, attribute } = this.#path(fields.path, 'path', {})
        return { family, by: entity, attribute, ...this.#kindOf({ entity, attribute }) }
      }
      case 'cross':
        return {
          family,
          by: 'pair',
          share: this.#feature(fields.share, 'share'),
          attribute: this.#path(fields.attribute, 'attribute', { types: groupTypes }),
        }
      case 'similarity':
        return {
          family,
          by: 'pair',
          user: this.#feature(fields.user, 'user'),
          item: this.#feature(fields.item, 'item'),
        }
      default:
        return this.#windowed(family, fields)
    }
  }

  #windowed(
    family: Exclude<FeatureFamily, 'attribute' | 'cross' | 'similarity'>,
    fields: Readonly<Record<string, unknown>>,
  ): FeatureFormula {
    const by = this.#inspection.oneOf(fields.by, `${this.#at}.by`, ['user', 'item'])
    const of = this.#counted(fields.of, 'of')
    const isDefaultWindow = family === 'since' && fields.window === undefined
    const windowMs = isDefaultWindow ? WINDOW_MAX_MS : this.#window(fields.window)
    const base = { by, of, windowMs } as const
    switch (family) {
      case 'count':
      case 'since':
        return { ...base, family }
      case 'sum':
      case 'mean':
      case 'min':
      case 'max':
        return { ...base, family, value: this.#value(fields.value, of) }
      case 'rate':
        return { ...base, family, per: this.#counted(fields.per, 'per'), ...this.#smoothing(fields) }
      case 'share':
        return { ...base, family, over: this.#path(fields.over, 'over', { types: groupTypes }) }
      case 'last':
      case 'distinct': {
        if (fields.value === undefined) return { ...base, family }
        const value = this.#path(fields.value, 'value', { types: groupTypes })
        return { ...base, family, value, ...(family === 'last' && this.#kindOf(value)) }
      }
      case 'sessionMean':
        return {
          ...base,
          family,
          gapMs: this.#gap(fields.gap, windowMs),
          ...(fields.value !== undefined && { value: this.#value(fields.value, of) }),
        }
      case 'ratioToGroup': {
        const { attribute } = this.#path(fields.group, 'group', { entity: by, types: singleGroupTypes })
        return { ...base, family, group: attribute }
      }
    }
  }

  #counted(value: unknown, setting: string): Counted {
    const known = Object.keys(this.#context.interactions)
    const where = `${this.#at}.${setting}`
    if (value === 'any' && !known.includes('any')) return 'any'
    const names = Array.isArray(value) ? value : [value]
    if (names.length === 0) this.#inspection.report(where, 'found an empty list, expected at least one interaction.')
    for (const [i, name] of names.entries()) {
      const at = Array.isArray(value) ? `${where}[${i}]` : where
      if (names.indexOf(name) < i) this.#inspection.report(at, `names ${describe(name)} a second time.`, 'Remove it.')
      this.#inspection.reference(name, at, 'interaction', known)
    }
    // The order in which they are written says nothing, so it is no part of the version either.
    return names.filter((name) => typeof name === 'string').sort()
  }

  #window(value: unknown): number {
    const where = `${this.#at}.window`
    const expected = 'from 1 minute to 90 days in whole milliseconds, such as "7 days"'
    const windowMs = this.#inspection.duration(value, where, expected)
    if (windowMs !== 0 && (windowMs < WINDOW_MIN_MS || windowMs > WINDOW_MAX_MS || !Number.isInteger(windowMs))) {
      this.#inspection.report(where, `found ${describe(value)}, expected ${expected}.`)
    }
    return windowMs
  }

  #gap(value: unknown, windowMs: number): number {
    const where = `${this.#at}.gap`
    const expected = 'a length of time above 0 and at most the window, in whole milliseconds, such as "30 minutes"'
    const gapMs = this.#inspection.duration(value, where, expected)
    if (!Number.isInteger(gapMs) || (gapMs > windowMs && windowMs > 0)) {
      this.#inspection.report(where, `found ${describe(value)}, expected ${expected}.`)
    }
    return gapMs
  }

  #value(value: unknown, of: Counted): string {
    const { interactions } = this.#context
    const where = `${this.#at}.value`
    const all = valueNames(Object.values(interactions))
    const name = this.#inspection.reference(value, where, 'value of an interaction', ['weight', ...all])
    const counted = of === 'any' ? Object.keys(interactions) : of
    const measured = valueNames(counted.map((interaction) => interactions[interaction]))
    if (all.includes(name) && !measured.includes(name)) {
      this.#inspection.report(
        where,
        `no ${counted.join(' or ')} has the value "${name}".`,
        `Declare it: ${counted[0]}: { weight: ..., values: ["${name}"] }.`,
      )
    }
    return name
  }

  #smoothing(fields: Readonly<Record<string, unknown>>): { readonly prior: number; readonly strength: number } {
    const { prior = 0, strength = 0 } = fields
    return {
      prior: this.#inspection.number(prior, `${this.#at}.prior`, { low: 0, high: 1e6 }),
      strength: this.#inspection.number(strength, `${this.#at}.strength`, { low: 0, high: 1e9 }),
    }
  }

  /** "item.category", of one of the types where they are given, of that entity where it is given. */
  #path(
    value: unknown,
    setting: string,
    only: { readonly entity?: EntityName; readonly types?: readonly AttributeType[] },
  ): AttributePath {
    const where = `${this.#at}.${setting}`
    const { entities } = this.#context
    const paths = (['user', 'item'] as const)
      .filter((entity) => only.entity === undefined || entity === only.entity)
      .flatMap((entity) =>
        Object.entries(entities[entity]).map(([name, { type }]) => ({ path: `${entity}.${name}`, type })),
      )
    const suitable = paths.filter(({ type }) => only.types === undefined || only.types.includes(type))
    const found = paths.find(({ path }) => path === value)
    if (found !== undefined && !suitable.includes(found)) {
      this.#inspection.report(where, `"${value}" is of type ${found.type}, expected ${only.types!.join(' or ')}.`)
    } else {
      this.#inspection.reference(
        value,
        where,
        'attribute',
        suitable.map(({ path }) => path),
      )
    }
    const [entity, attribute] = typeof value === 'string' ? value.split('.') : []
    return { entity: entity === 'user' ? 'user' : 'item', attribute: attribute ?? '' }
  }

  #kindOf({ entity, attribute }: AttributePath): { readonly kind?: AttributeKind } {
    const type = this.#context.entities[entity][attribute]?.type
    return type === undefined ? {} : { kind: kindOfType[type] }
  }

  #feature(value: unknown, setting: string): string {
    return this.#inspection.reference(value, `${this.#at}.${setting}`, 'feature', this.#names)
  }

  #standIn(value: unknown, formula: FeatureFormula): number | string | undefined {
    if (value === undefined) return undefined
    const where = `${this.#at}.default`
    const expected = standInType(formula, this.#context.entities)
    const isRight = expected === 'number' ? Number.isFinite(value) : typeof value === expected
    if (isRight) return value as number | string
    this.#inspection.report(
      where,
      expected === undefined
        ? `found ${describe(value)}, but the value is no single number or text, and nothing can stand in for it.`
        : `found ${describe(value)}, expected a ${expected === 'number' ? 'number' : 'text'}.`,
      expected === undefined ? 'Leave it out.' : undefined,
    )
    return undefined
  }
}

/** Types whose attributes have one group at most. */
const singleGroupTypes: readonly AttributeType[] = groupTypes.filter((type) => type !== 'tags')

const valueNames = (interactions: readonly (InteractionPlan | undefined)[]): string[] => [
  ...new Set(interactions.flatMap((interaction) => interaction?.values ?? [])),
]

function standInType(formula: FeatureFormula, entities: FeatureContext['entities']): 'number' | 'string' | undefined {
  const { family } = formula
  if (family === 'share') return undefined
  if (family === 'last' && formula.value === undefined) return 'string'
  if (family === 'attribute' || family === 'last') {
    const { entity, attribute } = family === 'attribute' ? { ...formula, entity: formula.by } : formula.value!
    const type = entities[entity][attribute]?.type
    if (type === 'category' || type === 'text') return 'string'
    return type === 'tags' || type === 'boolean' ? undefined : 'number'
  }
  return 'number'
}

/** Features of a pair are made of shares, never of each other: so there is no cycle. */
function checkPairs(
  definitions: readonly FeatureDefinition[],
  inspection: Inspection,
  known: { readonly names: readonly string[]; readonly entities: FeatureContext['entities'] },
): void {
  const byName = new Map(definitions.map((definition) => [definition.name, definition.formula]))
  const shareOf = (name: string, where: string): Extract<FeatureFormula, { family: 'share' }> | undefined => {
    const formula = byName.get(name)
    if (formula === undefined || formula.family === 'share') return formula
    inspection.report(where, `"${name}" is a ${formula.family}, expected the name of a share().`)
    return undefined
  }
  for (const { name, formula } of definitions) {
    const at = pathOf('data.features', name)
    if (formula.family === 'cross') {
      const by = shareOf(formula.share, `${at}.share`)?.by
      const { entity, attribute } = formula.attribute
      if (by === entity && known.entities[entity][attribute] !== undefined) {
        const other = entity === 'user' ? 'item' : 'user'
        inspection.report(
          `${at}.attribute`,
          `both "${formula.share}" and "${entity}.${attribute}" belong to the ${entity}, expected an attribute of the ${other}.`,
        )
      }
    } else if (formula.family === 'similarity') {
      for (const entity of ['user', 'item'] as const) {
        const by = shareOf(formula[entity], `${at}.${entity}`)?.by
        if (by !== undefined && by !== entity)
          inspection.report(`${at}.${entity}`, `"${formula[entity]}" is by ${by}, expected a share() by ${entity}.`)
      }
    }
  }
}

const pathText = ({ entity, attribute }: AttributePath): string => `${entity}.${attribute}`

/** One sentence for people who meet the feature in a list. */
function describeFormula(formula: FeatureFormula): string {
  switch (formula.family) {
    case 'attribute':
      return `The ${formula.by}'s ${formula.attribute}.`
    case 'cross':
      return `What ${formula.share} says of ${pathText(formula.attribute)}.`
    case 'similarity':
      return `Cosine of ${formula.user} and ${formula.item}.`
    default:
      return `${subjectOf(formula)}, by ${formula.by}, over ${durationText(formula.windowMs)}.`
  }
}

function subjectOf(formula: Extract<FeatureFormula, { windowMs: number }>): string {
  const of = formula.of === 'any' ? 'any interaction' : formula.of.join(', ')
  switch (formula.family) {
    case 'count':
      return `Number of ${of}`
    case 'sum':
    case 'mean':
    case 'min':
    case 'max':
      return `${formula.family} of ${formula.value} of ${of}`
    case 'rate':
      return `${of} per ${formula.per === 'any' ? 'interaction' : formula.per.join(', ')}`
    case 'share':
      return `Shares of ${pathText(formula.over)} in ${of}`
    case 'last':
      return `${formula.value ? pathText(formula.value) : 'Other side'} of the latest ${of}`
    case 'since':
      return `Seconds since the latest ${of}`
    case 'distinct':
      return `About how many different ${formula.value ? pathText(formula.value) : formula.by === 'user' ? 'items' : 'users'} in ${of}`
    case 'sessionMean':
      return `Mean ${formula.value ?? 'length in seconds'} of sessions of ${of}, ended by ${durationText(formula.gapMs)} of silence`
    case 'ratioToGroup':
      return `Number of ${of} relative to an average one of the same ${formula.group}`
  }
}

function durationText(ms: number): string {
  for (const [unit, unitMs] of [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1_000],
  ] as const) {
    if (ms >= unitMs && ms % unitMs === 0) return `${ms / unitMs} ${unit}${ms === unitMs ? '' : 's'}`
  }
  return `${ms} milliseconds`
}
