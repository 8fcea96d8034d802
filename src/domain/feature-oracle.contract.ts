// What every feature is worth, computed from the raw list of events in the most literal way: the judge of all engines. No tiles, no indexes, no
// cleverness; each line is a sentence of feature.ts. Slow on purpose: every reading looks at every event.
import { distinctCode, distinctEstimate, REGISTER_COUNT } from '../lib/hyper-log-log.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import type { AttributeValue, EntityEvent, EntityName, InteractionEvent } from './event.ts'
import {
  type AttributePath,
  type Counted,
  countedTimeMs,
  type FeatureDefinition,
  type FeatureFormula,
  type FeatureReading,
  type FeatureValue,
  groupKeysOf,
  isOfKind,
  toMicros,
  windowStartMs,
} from './feature.ts'

/** Whose feature: a user, an item, or for pair features both. */
export interface FeatureEntity {
  readonly userId?: string
  readonly itemId?: string
}

export interface FeatureQuestion {
  readonly name: string
  readonly entity: FeatureEntity
  readonly asOfMs: number
}

/** @param definitions all of them: pair features name others */
export function readFeature(
  definitions: readonly FeatureDefinition[],
  events: readonly StoredEvent[],
  { name, entity, asOfMs }: FeatureQuestion,
): FeatureReading {
  const definition = definitions.find((candidate) => candidate.name === name)!
  const known = events.filter(({ availableTimeMs }) => availableTimeMs < asOfMs)
  const computed = new Reader({ definitions, events, known, asOfMs }).compute(definition.formula, entity)
  const { ttlMs } = definition
  const instead = (status: 'missing' | 'stale', newestEventTimeMs: number | undefined): FeatureReading =>
    definition.default === undefined
      ? { status, value: undefined, newestEventTimeMs }
      : { status: 'default', value: definition.default, newestEventTimeMs }
  if (computed === undefined) return instead('missing', undefined)
  const { value, newestMs } = computed
  if (ttlMs !== undefined && newestMs !== undefined && asOfMs - newestMs > ttlMs) return instead('stale', newestMs)
  return { status: 'present', value, newestEventTimeMs: newestMs }
}

interface Computed {
  readonly value: FeatureValue
  readonly newestMs: number | undefined
}

/** An interaction with what the rules say about it. */
interface Seen {
  readonly offset: number
  readonly timeMs: number
  readonly event: InteractionEvent
}

type Windowed = Extract<FeatureFormula, { windowMs: number }>
type Formula<F> = Extract<FeatureFormula, { family: F }>

class Reader {
  readonly #definitions: readonly FeatureDefinition[]
  readonly #events: readonly StoredEvent[]
  readonly #known: readonly StoredEvent[]
  readonly #asOfMs: number

  constructor(given: {
    definitions: readonly FeatureDefinition[]
    events: readonly StoredEvent[]
    known: readonly StoredEvent[]
    asOfMs: number
  }) {
    this.#definitions = given.definitions
    this.#events = given.events
    this.#known = given.known
    this.#asOfMs = given.asOfMs
  }

  /** Undefined: missing. */
  compute(formula: FeatureFormula, entity: FeatureEntity): Computed | undefined {
    switch (formula.family) {
      case 'attribute': {
        const change = this.#ownAttribute(formula.by, idIn(entity, formula.by), formula.attribute)
        return change && isOfKind(change.value, formula.kind)
          ? { value: change.value, newestMs: change.timeMs }
          : undefined
      }
      case 'cross':
        return this.#cross(formula, entity)
      case 'similarity':
        return this.#similarity(formula, entity)
      case 'ratioToGroup':
        return this.#ratioToGroup(formula, entity)
      default:
        return this.#windowed(formula, this.#eventsOf(formula, idIn(entity, formula.by)))
    }
  }

  #windowed(formula: Exclude<Windowed, Formula<'ratioToGroup'>>, inWindow: readonly Seen[]): Computed | undefined {
    const counted = inWindow.filter(({ event }) => isCounted(formula.of, event))
    switch (formula.family) {
      case 'count':
        return { value: counted.length, newestMs: newestOf(counted) }
      case 'sum': {
        const having = withValue(counted, formula.value)
        return { value: sumOf(having), newestMs: newestOf(having) }
      }
      case 'mean': {
        const having = withValue(counted, formula.value)
        return present(having, () => sumOf(having) / having.length)
      }
      case 'min':
      case 'max': {
        const having = withValue(counted, formula.value)
        return present(having, () => Math[formula.family as 'min' | 'max'](...having.map(({ value }) => value)))
      }
      case 'rate': {
        const per = inWindow.filter(({ event }) => isCounted(formula.per, event))
        if (formula.strength === 0 && per.length === 0) return undefined
        const value = (counted.length + formula.prior * formula.strength) / (per.length + formula.strength)
        return { value, newestMs: newestOf([...counted, ...per]) }
      }
      case 'share': {
        const grouped = this.#grouped(counted, formula.over)
        const keys = [...new Set(grouped.flatMap((event) => event.keys))].sort()
        return present(
          grouped,
          () =>
            new Map(
              keys.map((key) => [key, grouped.filter((event) => event.keys.includes(key)).length / grouped.length]),
            ),
        )
      }
      case 'last': {
        if (formula.value === undefined) {
          return present(counted, () => otherId(latestOf(counted).event, formula.by))
        }
        const grouped = this.#grouped(counted, formula.value)
        const isKnown = grouped.length > 0 && isOfKind(latestOf(grouped).value, formula.kind)
        return isKnown ? present(grouped, () => latestOf(grouped).value) : undefined
      }
      case 'since':
        return present(counted, () => (this.#asOfMs - newestOf(counted)!) / 1000)
      case 'distinct': {
        const path = formula.value
        if (path === undefined) {
          const texts = counted.map(({ event }) => otherId(event, formula.by))
          return { value: distinctOf(texts), newestMs: newestOf(counted) }
        }
        const grouped = this.#grouped(counted, path)
        return { value: distinctOf(grouped.flatMap(({ keys }) => keys)), newestMs: newestOf(grouped) }
      }
      case 'sessionMean': {
        const sessions = sessionsOf(counted, formula.gapMs)
        const name = formula.value
        return present(counted, () =>
          name === undefined
            ? sessions.reduce((total, runs) => total + runs.at(-1)!.timeMs - runs[0]!.timeMs, 0) /
              1000 /
              sessions.length
            : sumOf(withValue(counted, name)) / sessions.length,
        )
      }
    }
  }

  #ratioToGroup(formula: Formula<'ratioToGroup'>, entity: FeatureEntity): Computed | undefined {
    const id = idIn(entity, formula.by)
    const keys = groupKeysOf(this.#ownAttribute(formula.by, id, formula.group)?.value)
    if (keys.length !== 1) return undefined
    const own = this.#eventsOf(formula, id).filter(({ event }) => isCounted(formula.of, event))
    const all = this.#interactions(formula.windowMs).filter(({ event }) => isCounted(formula.of, event))
    const path = { entity: formula.by, attribute: formula.group }
    const ofGroup = this.#grouped(all, path).filter((event) => event.keys.includes(keys[0]!))
    if (ofGroup.length === 0) return undefined
    const members = new Set(ofGroup.map(({ event }) => ownId(event, formula.by)))
    return { value: own.length / (ofGroup.length / members.size), newestMs: newestOf(own) }
  }

  #cross(formula: Formula<'cross'>, entity: FeatureEntity): Computed | undefined {
    const share = this.#share(formula.share, entity)
    const { entity: side, attribute } = formula.attribute
    const keys = groupKeysOf(this.#ownAttribute(side, idIn(entity, side), attribute)?.value)
    if (share === undefined || keys.length === 0) return undefined
    const value = [...keys].sort().reduce((sum, key) => sum + (share.map.get(key) ?? 0), 0)
    return { value, newestMs: share.newestMs }
  }

  #similarity(formula: Formula<'similarity'>, entity: FeatureEntity): Computed | undefined {
    const user = this.#share(formula.user, entity)
    const item = this.#share(formula.item, entity)
    if (user === undefined || item === undefined) return undefined
    const common = [...user.map.keys()].filter((key) => item.map.has(key)).sort()
    const newestMs = Math.min(user.newestMs, item.newestMs)
    if (common.length === 0) return { value: 0, newestMs }
    const dot = common.reduce((sum, key) => sum + user.map.get(key)! * item.map.get(key)!, 0)
    return { value: dot / (lengthOf(user.map) * lengthOf(item.map)), newestMs }
  }

  #share(name: string, entity: FeatureEntity): { map: ReadonlyMap<string, number>; newestMs: number } | undefined {
    const { formula } = this.#definitions.find((definition) => definition.name === name)!
    const computed = this.compute(formula, entity)
    return computed && { map: computed.value as ReadonlyMap<string, number>, newestMs: computed.newestMs! }
  }

  #interactions(windowMs: number): Seen[] {
    const startMs = windowStartMs(this.#asOfMs, windowMs)
    return this.#known.flatMap(({ offset, availableTimeMs, event }) => {
      if (event.kind !== 'interaction') return []
      const timeMs = countedTimeMs(event.eventTimeMs, availableTimeMs)
      return timeMs >= startMs ? [{ offset, timeMs, event }] : []
    })
  }

  /** The entity's interactions in the window, of every kind; for a user, those that no delete takes away. */
  #eventsOf({ by, windowMs }: Windowed, id: string): Seen[] {
    const own = this.#interactions(windowMs).filter(({ event }) => ownId(event, by) === id)
    if (by === 'item') return own
    const deletes = changesOf(this.#known, 'user', id).filter(({ event }) => event.change === 'delete')
    return own.filter((seen) => !deletes.some((it) => it.offset > seen.offset || it.timeMs >= seen.timeMs))
  }

  /** As of the moment. */
  #ownAttribute(entity: EntityName, id: string, attribute: string) {
    return attributeAfter(changesOf(this.#known, entity, id), attribute)
  }

  /** Those that have a value, with it and its group keys, as the log knew it when the event came. */
  #grouped<S extends Seen>(events: readonly S[], { entity, attribute }: AttributePath) {
    return events.flatMap((seen) => {
      const changes = changesOf(this.#events, entity, ownId(seen.event, entity))
      const before = changes.filter(({ offset }) => offset < seen.offset)
      const value = attributeAfter(before, attribute)?.value
      const keys = groupKeysOf(value)
      return value === undefined || keys.length === 0 ? [] : [{ ...seen, value, keys }]
    })
  }
}

interface Change {
  readonly offset: number
  readonly timeMs: number
  readonly event: EntityEvent
}

function changesOf(events: readonly StoredEvent[], entity: EntityName, id: string): Change[] {
  return events.flatMap(({ offset, availableTimeMs, event }) =>
    event.kind === 'entity' && event.entity === entity && event.entityId === id
      ? [{ offset, timeMs: countedTimeMs(event.eventTimeMs, availableTimeMs), event }]
      : [],
  )
}

/** Undefined where those changes leave it without a value. */
function attributeAfter(changes: readonly Change[], attribute: string) {
  const speaking = changes.filter(({ event }) => event.change !== 'patch' || Object.hasOwn(event.attributes, attribute))
  if (speaking.length === 0) return undefined
  const { event, timeMs } = latestOf(speaking)
  const value: AttributeValue | undefined = Object.hasOwn(event.attributes, attribute)
    ? event.attributes[attribute]
    : undefined
  return value === undefined || value === null ? undefined : { value, timeMs }
}

const idIn = (entity: FeatureEntity, by: EntityName): string => (by === 'user' ? entity.userId! : entity.itemId!)

const ownId = (event: InteractionEvent, by: EntityName): string => (by === 'user' ? event.userId : event.itemId)

const otherId = (event: InteractionEvent, by: EntityName): string => (by === 'user' ? event.itemId : event.userId)

const isCounted = (counted: Counted, { interaction }: InteractionEvent): boolean =>
  counted === 'any' || counted.includes(interaction)

function present(events: readonly { timeMs: number }[], value: () => FeatureValue): Computed | undefined {
  return events.length === 0 ? undefined : { value: value(), newestMs: newestOf(events) }
}

const newestOf = (events: readonly { timeMs: number }[]): number | undefined =>
  events.length === 0 ? undefined : Math.max(...events.map(({ timeMs }) => timeMs))

function latestOf<E extends { timeMs: number; offset: number }>(events: readonly E[]): E {
  return events.reduce((best, event) =>
    event.timeMs > best.timeMs || (event.timeMs === best.timeMs && event.offset > best.offset) ? event : best,
  )
}

function withValue(events: readonly Seen[], name: string): (Seen & { value: number })[] {
  return events.flatMap((seen) => {
    const { weight = 1, values = {} } = seen.event
    const value = name === 'weight' ? weight : Object.hasOwn(values, name) ? values[name] : undefined
    return value === undefined ? [] : [{ ...seen, value }]
  })
}

const sumOf = (events: readonly { value: number }[]): number =>
  Number(events.reduce((sum, { value }) => sum + BigInt(toMicros(value)), 0n)) / 1e6

function sessionsOf(events: readonly Seen[], gapMs: number): Seen[][] {
  const sessions: Seen[][] = []
  for (const seen of events.toSorted((a, b) => a.timeMs - b.timeMs)) {
    const current = sessions.at(-1)
    if (current !== undefined && seen.timeMs - current.at(-1)!.timeMs <= gapMs) current.push(seen)
    else sessions.push([seen])
  }
  return sessions
}

function distinctOf(texts: readonly string[]): number {
  const ranks = new Uint8Array(REGISTER_COUNT)
  for (const code of texts.map(distinctCode)) ranks[code >> 6] = Math.max(ranks[code >> 6]!, code & 63)
  const used = [...ranks].filter((rank) => rank > 0)
  return distinctEstimate(
    REGISTER_COUNT - used.length,
    used.reduce((sum, rank) => sum + 2 ** -rank, 0),
  )
}

const lengthOf = (map: ReadonlyMap<string, number>): number =>
  Math.sqrt([...map.keys()].sort().reduce((sum, key) => sum + map.get(key)! * map.get(key)!, 0))
