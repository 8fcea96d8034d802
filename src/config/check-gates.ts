// What a model must hold before an alias may name it, and what only people know of it.
import { type CardSettings, defaultGateSettings, type GateMetric, type GateSettings } from '../domain/gate-settings.ts'
import type { Duration } from '../lib/duration.ts'
import { type Inspection, type NumberRange, pathOf } from './inspection.ts'
import type { AttributePlan } from './plan.ts'

/** `training.gates` of the system file; what is left out stays as it is by default, and `false` turns a gate off. */
export interface GateOptions<Path extends string = string> {
  /** Against the champion, on all users and on slices. */
  readonly accuracy?:
    | false
    | {
        /** Default: "ndcg". */
        readonly metric?: GateMetric
        /** Loss that is tolerated, as a share of the champion's mean. Default: 0.02. */
        readonly margin?: number
      }
  /** Whether the model must beat popularity. Default: true. */
  readonly popularity?: boolean
  /** Whether the ranked list must not be worse than that of the placement's leading generator. Default: true. */
  readonly ranking?: boolean
  readonly bias?:
    | false
    | {
        /** Attributes that make groups. Default: every category and boolean of users, and popular beside rare items. */
        readonly by?: readonly Path[]
        /** By how much a group's quality may lie below that of all others, as a share. Default: 0.5. */
        readonly gap?: number
        /** By how much a group's share of the lists may lie below its share of what users chose, as a share. Default: 0.99. */
        readonly exposureGap?: number
      }
  readonly leak?:
    | false
    | {
        /** A mean of the metric from here on is too good to be true. Default: 0.9. */
        readonly level?: number
        /** So is more than so many times that of the champion or of the best baseline. Default: 2. */
        readonly jump?: number
      }
  readonly sanity?:
    | false
    | {
        /** Share of the users with a history who may get no list from the model. Default: 0.1. */
        readonly emptyShare?: number
      }
  /** Default: 25. */
  readonly latencyMsP99?: number | false
  /** Resident memory of a process that answers from the model. Default: 4096. */
  readonly memoryMb?: number | false
  /** Expected calibration error of predicted probabilities. Default: 0.05. */
  readonly calibration?: number | false
  readonly staleness?:
    | false
    | {
        /** How far the newest interaction that was learned from may lie behind the log's newest. Default: "7 days". */
        readonly behind?: Duration
        /** How old it may be. Default: as old as it is, since an imported history may be. */
        readonly age?: Duration
      }
  /** Whether an offline table that is held back refuses the model. Default: true. */
  readonly dataChecks?: boolean
  /** Whether `training.card` must be complete. Default: "optional". */
  readonly card?: GateSettings['card']
  /** Fewer users, in all or in a group, judge nothing; at least 20. Default: 50. */
  readonly usersMin?: number
  /** What becomes of a model that a gate cannot judge. Default: "allow". */
  readonly notJudged?: GateSettings['notJudged']
}

const where = 'training.gates'
const share: NumberRange = { low: 0, high: 1, isLowExcluded: true }
const metrics = ['ndcg', 'recall', 'reciprocalRank', 'averagePrecision'] as const

/** Popular items, that together have half of all interactions, beside all others: every shop has these groups. */
export const POPULARITY_GROUPS = 'item popularity'

interface Entities {
  readonly user: Readonly<Record<string, AttributePlan>>
  readonly item: Readonly<Record<string, AttributePlan>>
}

export function checkGates(value: unknown, inspection: Inspection, entities: Entities): GateSettings {
  const defaults = { ...defaultGateSettings, bias: { ...defaultGateSettings.bias, by: defaultGroups(entities) } }
  if (value === undefined) return defaults
  if (value === false) return allOff
  const fields = inspection.fields(value, where, Object.keys(defaults))
  const given = <T>(name: keyof GateSettings, read: (found: unknown, path: string) => T, otherwise: T): T =>
    fields[name] === undefined ? otherwise : read(fields[name], pathOf(where, name))
  const boundOrFalse = (range: NumberRange) => (found: unknown, path: string) =>
    found === false ? false : inspection.number(found, path, range)
  const flag = (found: unknown, path: string): boolean => inspection.flag(found, path)
  return {
    accuracy: given('accuracy', section(inspection, defaults.accuracy, accuracyFields), defaults.accuracy),
    popularity: given('popularity', flag, defaults.popularity),
    ranking: given('ranking', flag, defaults.ranking),
    bias: given('bias', section(inspection, defaults.bias, biasFields(entities)), defaults.bias),
    leak: given('leak', section(inspection, defaults.leak, leakFields), defaults.leak),
    sanity: given('sanity', section(inspection, defaults.sanity, sanityFields), defaults.sanity),
    latencyMsP99: given(
      'latencyMsP99',
      boundOrFalse({ low: 0, high: 60_000, isLowExcluded: true }),
      defaults.latencyMsP99,
    ),
    memoryMb: given('memoryMb', boundOrFalse({ low: 1, high: 10_000_000 }), defaults.memoryMb),
    calibration: given('calibration', boundOrFalse(share), defaults.calibration),
    staleness: given('staleness', staleness(inspection), defaults.staleness),
    dataChecks: given('dataChecks', flag, defaults.dataChecks),
    card: given('card', (found, path) => inspection.oneOf(found, path, ['optional', 'required']), defaults.card),
    usersMin: given(
      'usersMin',
      // Student's t says little of the mean of fewer.
      (found, path) => inspection.number(found, path, { low: 20, high: 1_000_000, isInteger: true }),
      defaults.usersMin,
    ),
    notJudged: given(
      'notJudged',
      (found, path) => inspection.oneOf(found, path, ['allow', 'refuse']),
      defaults.notJudged,
    ),
  }
}

/** `gates: false`. */
const allOff: GateSettings = {
  ...defaultGateSettings,
  accuracy: false,
  popularity: false,
  ranking: false,
  bias: false,
  leak: false,
  sanity: false,
  latencyMsP99: false,
  memoryMb: false,
  calibration: false,
  staleness: false,
  dataChecks: false,
}

type Read<T> = (found: unknown, path: string, inspection: Inspection) => T

/** Reads an object whose fields all have defaults, or `false`. */
function section<T extends object>(
  inspection: Inspection,
  defaults: T | false,
  readers: { readonly [Name in keyof T]: Read<T[Name]> },
) {
  return (found: unknown, path: string): T | false => {
    if (found === false) return false
    const fields = inspection.fields(found, path, Object.keys(readers))
    const result = { ...(defaults as T) }
    for (const name of Object.keys(readers) as (keyof T & string)[]) {
      if (fields[name] !== undefined) result[name] = readers[name](fields[name], pathOf(path, name), inspection)
    }
    return result
  }
}

const numberIn =
  (range: NumberRange): Read<number> =>
  (found, path, inspection) =>
    inspection.number(found, path, range)

const accuracyFields = {
  metric: ((found, path, inspection) => inspection.oneOf(found, path, metrics)) as Read<GateMetric>,
  margin: numberIn({ low: 0, high: 0.99 }),
}
const leakFields = { level: numberIn(share), jump: numberIn({ low: 1, high: 1000, isLowExcluded: true }) }
const sanityFields = { emptyShare: numberIn({ low: 0, high: 1 }) }

const biasFields = (entities: Entities) => ({
  by: ((found, path, inspection) => {
    const known = groupPaths(entities)
    return inspection
      .list(found, path, 'a list of attributes such as "user.country"')
      .map((name, i) => inspection.reference(name, `${path}[${i}]`, 'attribute that makes groups', known))
  }) as Read<readonly string[]>,
  gap: numberIn(share),
  exposureGap: numberIn(share),
})

function staleness(inspection: Inspection) {
  return (found: unknown, path: string): GateSettings['staleness'] => {
    if (found === false) return false
    const fields = inspection.fields(found, path, ['behind', 'age'])
    const { behindMs, ageMs } = defaultGateSettings.staleness as Exclude<GateSettings['staleness'], false>
    return {
      behindMs: fields.behind === undefined ? behindMs : inspection.duration(fields.behind, `${path}.behind`),
      ageMs: fields.age === undefined ? ageMs : inspection.duration(fields.age, `${path}.age`),
    }
  }
}

const isGroupType = ({ type }: AttributePlan): boolean => type === 'category' || type === 'boolean'

const pathsOf = (entity: 'user' | 'item', attributes: Entities['user']): readonly string[] =>
  Object.keys(attributes)
    .filter((name) => isGroupType(attributes[name]!))
    .map((name) => `${entity}.${name}`)

const groupPaths = ({ user, item }: Entities): readonly string[] => [
  ...pathsOf('user', user),
  ...pathsOf('item', item),
  POPULARITY_GROUPS,
]

const defaultGroups = ({ user }: Entities): readonly string[] => [...pathsOf('user', user), POPULARITY_GROUPS]

const cardFields = ['intendedUse', 'limits', 'contact'] as const

/** `training.card` of the system file. */
export type CardOptions = CardSettings

export function checkCard(value: unknown, inspection: Inspection): CardSettings {
  if (value === undefined) return {}
  const at = 'training.card'
  const fields = inspection.fields(value, at, [...cardFields])
  const given = cardFields.filter((name) => fields[name] !== undefined)
  return Object.fromEntries(
    given.map((name) => [name, inspection.text(fields[name], `${at}.${name}`, 'a text that is not empty')]),
  )
}
