// Which state a set of formulas needs, and at which place of a record each of them has it. The same formulas give the same layout, everywhere.
import type { EntityName } from '../event.ts'
import type { AttributePath, Counted, FeatureFormula } from '../feature.ts'
import { familyOf, isWindowed, type WindowedFormula } from '../feature-tiles/family-of.ts'
import { type TileForm, tileForm } from '../feature-tiles/tiles.ts'
import { AttributeState } from './attribute-state.ts'

/** A formula under the hash that `FeatureDefinition.version` is; equal formulas of two features share their state. */
export interface VersionedFormula {
  readonly version: string
  readonly formula: FeatureFormula
}

/** One windowed formula's place in the records of its entities. */
export interface Slot {
  /** Its number among the slots of its entity kind. */
  readonly place: number
  readonly version: string
  readonly formula: WindowedFormula
  readonly form: TileForm
  /** Name of the value of an interaction that is summed or compared. */
  readonly valueName: string | undefined
  /** An event without the value does not count. A session takes it all the same. */
  readonly needsValue: boolean
  /** Where the texts that it counts under come from. */
  readonly keysFrom: AttributePath | 'other id' | undefined
  /** For ratioToGroup: which attribute of its entity is the group, and the number of its membership list in the record. */
  readonly group: { readonly attribute: string; readonly place: number } | undefined
}

/** A slot and how it counts an interaction of one name; at least one of both is true. */
export interface CountingSlot {
  readonly slot: Slot
  readonly isOf: boolean
  /** By a rate's `per`. */
  readonly isPer: boolean
}

export interface EntityLayout {
  readonly slots: readonly Slot[]
  /** Those with groups, by the place of their membership list. */
  readonly groupSlots: readonly Slot[]
  /** Attributes that some formula needs, ascending. */
  readonly attributes: readonly string[]
  /** Of an entity of whose attributes the log has said nothing. */
  readonly nothingKnown: AttributeState
  /** As many places as there are attributes; to be copied. */
  readonly noAttributes: readonly undefined[]
}

/** Whom an interaction of one name concerns, and how. */
export interface Counting {
  /** By entity: its slots that count the interaction, in their order. */
  readonly slots: Readonly<Record<EntityName, readonly CountingSlot[]>>
  /** By entity: whether its slots count the interaction, or those of the other one look at its attributes for it. */
  readonly needs: Readonly<Record<EntityName, boolean>>
}

export interface StateLayout {
  readonly user: EntityLayout
  readonly item: EntityLayout
  /** Of an interaction of this name. */
  readonly counting: (interaction: string) => Counting
  readonly slotByVersion: ReadonlyMap<string, Slot>
}

/** Independent of the order of the formulas. */
export function stateLayout(formulas: readonly VersionedFormula[]): StateLayout {
  const unique = new Map(formulas.map((one) => [one.version, one]))
  const ordered = [...unique.values()].sort((a, b) => (a.version < b.version ? -1 : 1))
  const paths = ordered.flatMap(({ formula }) => pathsOf(formula))
  const entityLayout = (entity: EntityName): EntityLayout => {
    const own = ordered.filter(({ formula }) => isWindowed(formula) && formula.by === entity)
    let groupCount = 0
    const slots = own.map(({ version, formula }, place) => {
      const slot = slotOf(version, formula as WindowedFormula, { place, groupPlace: groupCount })
      if (slot.group !== undefined) groupCount++
      return slot
    })
    const named = paths.filter((path) => path.entity === entity).map(({ attribute }) => attribute)
    const attributes = [...new Set(named)].sort()
    return {
      slots,
      groupSlots: slots.filter(({ group }) => group !== undefined),
      attributes,
      nothingKnown: AttributeState.nothing(attributes),
      noAttributes: attributes.map(() => undefined),
    }
  }
  const user = entityLayout('user')
  const item = entityLayout('item')
  const counting = countings({ user: user.slots, item: item.slots })
  return {
    user,
    item,
    counting,
    slotByVersion: new Map([...user.slots, ...item.slots].map((slot) => [slot.version, slot])),
  }
}

function slotOf(version: string, formula: WindowedFormula, places: { place: number; groupPlace: number }): Slot {
  const valueName = 'value' in formula && typeof formula.value === 'string' ? formula.value : undefined
  return {
    place: places.place,
    version,
    formula,
    form: tileForm(familyOf(formula), formula.windowMs),
    valueName,
    needsValue: valueName !== undefined && formula.family !== 'sessionMean',
    keysFrom: keysFrom(formula),
    group: formula.family === 'ratioToGroup' ? { attribute: formula.group, place: places.groupPlace } : undefined,
  }
}

/** Looked up for every event, so each name is worked out once. */
function countings(all: Readonly<Record<EntityName, readonly Slot[]>>): StateLayout['counting'] {
  const known = new Map<string, Counting>()
  return (interaction) => {
    let found = known.get(interaction)
    if (found === undefined) {
      const slots = { user: countingSlots(all.user, interaction), item: countingSlots(all.item, interaction) }
      found = { slots, needs: { user: needs(slots, 'user'), item: needs(slots, 'item') } }
      known.set(interaction, found)
    }
    return found
  }
}

const countingSlots = (slots: readonly Slot[], interaction: string): readonly CountingSlot[] =>
  slots
    .map((slot) => {
      const { formula } = slot
      const isPer = formula.family === 'rate' && counts(formula.per, interaction)
      return { slot, isOf: counts(formula.of, interaction), isPer }
    })
    .filter(({ isOf, isPer }) => isOf || isPer)

const needs = ({ user, item }: Counting['slots'], entity: EntityName): boolean =>
  (entity === 'user' ? user : item).length > 0 ||
  [...user, ...item].some(({ slot: { keysFrom } }) => typeof keysFrom === 'object' && keysFrom.entity === entity)

const counts = (counted: Counted, interaction: string): boolean => counted === 'any' || counted.includes(interaction)

function keysFrom(formula: WindowedFormula): Slot['keysFrom'] {
  if (formula.family === 'share') return formula.over
  if (formula.family === 'last' || formula.family === 'distinct') return formula.value ?? 'other id'
  return undefined
}

/** Attributes that a formula has to know. */
/** The attributes that a formula itself names. */
export function pathsOf(formula: FeatureFormula): readonly AttributePath[] {
  switch (formula.family) {
    case 'attribute':
      return [{ entity: formula.by, attribute: formula.attribute }]
    case 'ratioToGroup':
      return [{ entity: formula.by, attribute: formula.group }]
    case 'cross':
      return [formula.attribute]
    case 'share':
      return [formula.over]
    case 'last':
    case 'distinct':
      return formula.value === undefined ? [] : [formula.value]
    default:
      return []
  }
}
