// Features of a model's items as columns of numbers. A request for five hundred items copies what is there; only what has changed since, by an event or
// by time alone, is read from the store. The numbers are those that a `FeatureReader` would give at the same moment, to the last bit.

import type { FeatureMoment } from '../domain/answer-record.ts'
import type { FeatureDefinition, FeatureReading, FeatureValue } from '../domain/feature.ts'
import type { CombiningSources, FeatureComputation, GroupShare } from '../domain/feature-state/feature-computation.ts'
import { type GroupTotals, groupForm, groupTotals } from '../domain/feature-state/group-state.ts'
import { Validity } from '../domain/feature-tiles/validity.ts'
import type { Clock } from '../lib/clock.ts'
import { othersTurn } from '../lib/others-turn.ts'
import type { ChangedRecords, OnlineStore, RecordRequest, StoreMark } from '../ports/online-store.ts'
import { Answering, knownTo, notComputedYet, readAnswering, revisionIn } from './answering-features.ts'
import { entityKey, groupKey, HEAD_KEY } from './feature-layer.ts'
import { emptyManifest, layerSpace, MANIFEST_SPACE, REVISION_KEY } from './feature-manifest.ts'
import type { Cells } from './known-entities.ts'
import type { PlannedSide, ReadPlan } from './read-plan.ts'

export interface FeatureColumnsOptions {
  readonly store: OnlineStore
  /** Says what now is. */
  readonly clock: Clock
  /** The features of the columns, in their order, as the system file has them. */
  readonly definitions: readonly FeatureDefinition[]
  /** By number of the item, which is what `fill` is asked for. */
  readonly itemIds: readonly string[]
  /** What a value is as a number, NaN for missing. */
  readonly numberOf: (feature: number, value: FeatureValue | undefined) => number
}

export interface FeatureColumns {
  /**
   * The features of now of these items.
   * @param userId undefined: features of a user and of pairs are missing
   * @param out one a feature: filled with one number an item, in their order
   * @returns what they know
   * @throws MillraceError FEATURE_UNKNOWN where the store does not answer by these definitions (yet); ONLINE_STORE_UNUSABLE
   */
  fill(userId: string | undefined, items: Int32Array, out: readonly Float32Array[]): Promise<FeatureMoment>
  /** Reads all items once, so that the first requests need not. Ends early after `close`. */
  warm(): Promise<void>
  /** Nobody asks any more. */
  close(): void
}

/** Look-ups start over so often because a commit came in between, or time passed; then what is there has to do. */
const ATTEMPT_COUNT = 3
/** Items that are read in one go while warming up: a request waits for a millisecond or two, not for all of them. */
const WARM_ITEMS = 200
/** The store names a record with a longer key otherwise than we do; it is read every time. */
const FOLLOWED_KEY_LENGTH = 400

export function featureColumns(options: FeatureColumnsOptions): FeatureColumns {
  const { store, clock, definitions, itemIds } = options
  const numberByItem = new Map(itemIds.map((id, item) => [id, item]))
  let columns: Columns | undefined
  let isClosed = false

  /** The columns of what the store answers by now. */
  async function begin(): Promise<Columns> {
    // Before the manifest is read: what changes while it is belongs to the next look.
    const { mark } = await store.changesSince()
    const answering = (await readAnswering(store)) ?? new Answering(emptyManifest)
    return new Columns(answering, answering.plan(namesAnswered(answering, definitions)), mark, options, numberByItem)
  }

  async function fill(
    userId: string | undefined,
    items: Int32Array,
    out: readonly Float32Array[],
  ): Promise<FeatureMoment> {
    if (definitions.length === 0) return { asOfMs: clock.now(), nextOffset: undefined }
    for (let attempt = 1; ; attempt++) {
      const current = (columns ??= await begin())
      const { mark, changed } = await store.changesSince(current.mark)
      current.follow(mark, changed)
      const isLast = attempt >= ATTEMPT_COUNT
      const call = new FillCall(current, userId, items, clock.now())
      const read = await store.read(call.requests)
      if (revisionIn(read[0]![0]) !== current.answering.revision) {
        if (columns === current) columns = undefined
        continue
      }
      if (!call.take(read) && !isLast) continue
      const groups = call.groupRequests()
      if (groups.length > 0) call.takeGroups(groups, await store.read(groups.map(({ request }) => request)))
      call.write(out)
      return { asOfMs: call.asOfMs, nextOffset: call.nextOffset }
    }
  }

  return {
    fill,
    async warm() {
      const out = definitions.map(() => new Float32Array(WARM_ITEMS))
      for (let from = 0; from < itemIds.length && !isClosed; from += WARM_ITEMS) {
        const length = Math.min(WARM_ITEMS, itemIds.length - from)
        const items = Int32Array.from({ length }, (_, n) => from + n)
        await fill(undefined, items, out)
        await othersTurn()
      }
    },
    close() {
      isClosed = true
    },
  }
}

/** @throws MillraceError FEATURE_UNKNOWN */
function namesAnswered({ byName }: Answering, definitions: readonly FeatureDefinition[]): readonly string[] {
  for (const { name, version } of definitions) {
    if (byName.get(name)?.version === version) continue
    throw notComputedYet(name)
  }
  return definitions.map(({ name }) => name)
}

/** How a feature gets into a row. */
interface PlannedFeature {
  readonly number: number
  readonly computation: FeatureComputation
  /** Places of the sides of its parts in the plan. */
  readonly sides: readonly number[]
}

/** The totals of a group, for the moments from the first to before the second. */
interface KnownGroup {
  readonly totals: GroupTotals
  readonly fromMs: number
  readonly untilMs: number
}

/** Texts beyond so many get no number: what was worked out for one would hardly be asked for again. */
const NUMBERED_TEXTS = 10_000

/** The items' parts of one feature, where they are texts: equal ones have one number. */
class ItemTexts {
  /** By item; -1 for a part that is no text. */
  readonly numbers: Int32Array
  readonly #numberByText = new Map<string, number>()

  constructor(itemCount: number) {
    this.numbers = new Int32Array(itemCount).fill(-1)
  }

  get count(): number {
    return this.#numberByText.size
  }

  /** Undefined for a text that no item has had. */
  numberOf(text: string): number | undefined {
    return this.#numberByText.get(text)
  }

  note(item: number, part: unknown): void {
    this.numbers[item] = typeof part === 'string' ? this.#numbered(part) : -1
  }

  #numbered(text: string): number {
    const known = this.#numberByText.get(text)
    if (known !== undefined) return known
    if (this.#numberByText.size === NUMBERED_TEXTS) return -1
    this.#numberByText.set(text, this.#numberByText.size)
    return this.#numberByText.size - 1
  }
}

/** Everything known of a model's items by one manifest. */
class Columns {
  readonly answering: Answering
  readonly plan: ReadPlan
  readonly numberOf: FeatureColumnsOptions['numberOf']
  readonly itemIds: readonly string[]
  mark: StoreMark
  /** Places in the plan of the sides of users and of items. */
  readonly userSides: readonly number[]
  readonly itemSides: readonly number[]
  /** Features that an item's records alone say: these lie in `numbers`, items x features, row-major. */
  readonly ofItem: readonly PlannedFeature[]
  readonly ofUser: readonly PlannedFeature[]
  /** Those that are put together of several things: of the item's part of each, `parts` has one an item. */
  readonly combined: readonly PlannedFeature[]
  readonly numbers: Float32Array
  readonly parts: readonly unknown[][]
  readonly texts: readonly ItemTexts[]
  /** By item: the moments, from the first to before the second, for which its numbers hold. No moment for an item that was not read. */
  readonly fromMs: Float64Array
  readonly untilMs: Float64Array
  /** Of the newest event that was seen in the store. */
  newestMs = -1
  /** Counts the looks at what has changed; by item, the look that said so last. */
  look = 1
  readonly #changedAt: Uint32Array
  #allChangedAt = 0
  readonly groups = new Map<string, KnownGroup>()
  readonly #groupsChangedAt = new Map<string, number>()
  readonly #numberByItem: ReadonlyMap<string, number>
  readonly #layerBySpace: ReadonlyMap<string, number>
  readonly #validity = new Validity()

  constructor(
    answering: Answering,
    plan: ReadPlan,
    mark: StoreMark,
    { numberOf, itemIds }: FeatureColumnsOptions,
    numberByItem: ReadonlyMap<string, number>,
  ) {
    this.answering = answering
    this.plan = plan
    this.mark = mark
    this.numberOf = numberOf
    this.itemIds = itemIds
    this.#numberByItem = numberByItem
    this.#layerBySpace = new Map(answering.layerIds.map((id, n) => [layerSpace(id), n]))
    const sidesOf = (entity: 'user' | 'item'): number[] =>
      [...plan.sides.keys()].filter((n) => plan.sides[n]!.side.entity === entity)
    this.userSides = sidesOf('user')
    this.itemSides = sidesOf('item')
    const features = plan.computations.map((computation, number): PlannedFeature => {
      const sides = computation.parts.map(({ side }) => plan.sides.findIndex((planned) => planned.side.number === side))
      return { number, computation, sides }
    })
    const isOfItem = ({ computation, sides }: PlannedFeature): boolean =>
      computation.combine === undefined && this.itemSides.includes(sides[0]!)
    const isOfUser = ({ sides }: PlannedFeature): boolean => sides.every((side) => this.userSides.includes(side))
    this.ofItem = features.filter(isOfItem)
    this.ofUser = features.filter(isOfUser)
    this.combined = features.filter((feature) => !isOfItem(feature) && !isOfUser(feature))
    this.numbers = new Float32Array(itemIds.length * this.ofItem.length)
    this.parts = this.combined.map(() => new Array(itemIds.length).fill(undefined))
    this.texts = this.combined.map(() => new ItemTexts(itemIds.length))
    this.fromMs = new Float64Array(itemIds.length).fill(Number.POSITIVE_INFINITY)
    this.untilMs = new Float64Array(itemIds.length).fill(Number.NEGATIVE_INFINITY)
    this.#changedAt = new Uint32Array(itemIds.length)
  }

  /** Lets go of what holds no more. @param changed undefined where it may be anything */
  follow(mark: StoreMark, changed: readonly ChangedRecords[] | undefined): void {
    if (mark === this.mark) return
    this.mark = mark
    this.look++
    if (changed === undefined) {
      this.#allChangedAt = this.look
      this.untilMs.fill(Number.NEGATIVE_INFINITY)
      this.groups.clear()
      return
    }
    for (const { space, keys } of changed) {
      if (!this.#layerBySpace.has(space)) continue
      for (const key of keys) this.#forget(space, key)
    }
  }

  #forget(space: string, key: string): void {
    if (key.startsWith('i')) {
      const item = this.#numberByItem.get(key.slice(1))
      if (item === undefined) return
      this.untilMs[item] = Number.NEGATIVE_INFINITY
      this.#changedAt[item] = this.look
    } else if (key.startsWith('g')) {
      this.groups.delete(`${space} ${key}`)
      this.#groupsChangedAt.set(`${space} ${key}`, this.look)
    }
  }

  holds(item: number, asOfMs: number): boolean {
    return asOfMs >= this.fromMs[item]! && asOfMs < this.untilMs[item]!
  }

  /**
   * Takes an item's records in.
   * @param records by item side
   * @param readAt the look before they were read: what has changed since is kept for nobody else
   */
  takeItem(item: number, records: readonly (Uint8Array | undefined)[], asOfMs: number, readAt: number): void {
    const validity = this.#validity
    validity.reset()
    const cells = this.itemSides.map((side, n) => this.plan.sides[side]!.freshCells(records[n], asOfMs, validity))
    const width = this.ofItem.length
    for (let c = 0; c < width; c++) {
      const { number, sides } = this.ofItem[c]!
      const reading = cells[this.itemSides.indexOf(sides[0]!)]![number] as FeatureReading
      this.numbers[item * width + c] = this.numberOf(number, reading.value)
    }
    for (let p = 0; p < this.combined.length; p++) {
      const { number, sides } = this.combined[p]!
      const n = this.itemSides.findIndex((side) => sides.includes(side))
      const part = cells[n]![number]
      this.parts[p]![item] = part
      this.texts[p]!.note(item, part)
    }
    const isNewest = this.#changedAt[item]! <= readAt && this.#allChangedAt <= readAt
    const isFollowed = this.itemIds[item]!.length <= FOLLOWED_KEY_LENGTH
    this.fromMs[item] = validity.fromMs
    this.untilMs[item] = isNewest && isFollowed ? validity.untilMs : Number.NEGATIVE_INFINITY
  }

  groupOf(name: string, asOfMs: number): KnownGroup | undefined {
    const known = this.groups.get(name)
    return known !== undefined && asOfMs >= known.fromMs && asOfMs < known.untilMs ? known : undefined
  }

  takeGroup(name: string, totals: GroupTotals, validity: Validity, readAt: number): void {
    const { fromMs, untilMs } = validity
    const isNewest = (this.#groupsChangedAt.get(name) ?? 0) <= readAt && this.#allChangedAt <= readAt
    if (isNewest) this.groups.set(name, { totals, fromMs, untilMs })
  }
}

interface GroupRead {
  readonly request: RecordRequest
  readonly version: string
  /** As the columns name them, in the order of the keys. */
  readonly names: readonly string[]
}

/** One request on its way: first what to read, then what was read, then the rows. */
class FillCall implements CombiningSources {
  readonly #columns: Columns
  readonly #items: Int32Array
  readonly #readAt: number
  readonly #nowMs: number
  /** Items whose numbers do not hold now, each once. */
  readonly #unread: readonly number[]
  /** Revision, heads of layers, the user's records, then those of the items. */
  readonly requests: readonly RecordRequest[]
  readonly #groups = new Map<string, GroupTotals>()
  /** By place of the side in the plan. */
  readonly #userCells: Cells[] = []
  asOfMs: number
  /** What all layers know of the log; undefined where one of them knows more than another. */
  nextOffset: number | undefined

  constructor(columns: Columns, userId: string | undefined, items: Int32Array, nowMs: number) {
    this.#columns = columns
    this.#items = items
    this.#readAt = columns.look
    // The moments for which a value holds are whole milliseconds.
    this.#nowMs = Math.floor(nowMs)
    this.asOfMs = Math.max(this.#nowMs, columns.newestMs + 1)
    this.#unread = this.#itemsThatDoNotHold()
    const { answering, userSides, itemSides, plan } = columns
    const userKeys = userId === undefined ? [] : [entityKey('user', userId)]
    const itemKeys = this.#unread.map((item) => entityKey('item', columns.itemIds[item]!))
    const spaceOf = (side: number): string => plan.sides[side]!.side.space
    this.requests = [
      { space: MANIFEST_SPACE, keys: [REVISION_KEY] },
      ...answering.layerIds.map((id) => ({ space: layerSpace(id), keys: [HEAD_KEY] })),
      ...userSides.map((side) => ({ space: spaceOf(side), keys: userKeys })),
      ...itemSides.map((side) => ({ space: spaceOf(side), keys: itemKeys })),
    ]
  }

  /**
   * @param read in the order of `requests`
   * @returns false where the moment turned out to be later than was thought, and something does not hold at it
   */
  take(read: readonly (readonly (Uint8Array | undefined)[])[]): boolean {
    const columns = this.#columns
    const { answering, userSides, itemSides, plan } = columns
    const headCount = answering.layerIds.length
    const heads = read.slice(1, 1 + headCount)
    const known = knownTo(heads)
    columns.newestMs = Math.max(columns.newestMs, known.newestMs)
    this.nextOffset = known.nextOffset
    const supposedMs = this.asOfMs
    this.asOfMs = Math.max(this.#nowMs, columns.newestMs + 1)
    userSides.forEach((side, n) => {
      this.#userCells[side] = cellsAt(plan.sides[side]!, read[1 + headCount + n]![0], this.asOfMs)
    })
    const ofItems = read.slice(1 + headCount + userSides.length)
    for (let u = 0; u < this.#unread.length; u++) {
      const records = itemSides.map((_, n) => ofItems[n]![u])
      columns.takeItem(this.#unread[u]!, records, this.asOfMs, this.#readAt)
    }
    if (supposedMs === this.asOfMs) return true
    const readNow = new Set(this.#unread)
    return this.#itemsThatDoNotHold().every((item) => readNow.has(item))
  }

  /** Groups that a combined feature compares with and whose totals nobody knows now. */
  groupRequests(): readonly GroupRead[] {
    const { ofUser, combined, plan, answering } = this.#columns
    const requests: GroupRead[] = []
    for (const { number } of [...ofUser, ...combined]) {
      const { version, formula } = plan.definitions[number]!
      if (formula.family !== 'ratioToGroup') continue
      const space = layerSpace(answering.layerIds[answering.layerOf(version)]!)
      const keys: string[] = []
      for (const key of this.#groupsOf(number)) {
        const name = `${space} ${groupKey(version, key)}`
        const known = this.#columns.groupOf(name, this.asOfMs)
        if (known === undefined) keys.push(groupKey(version, key))
        else this.#groups.set(name, known.totals)
      }
      if (keys.length === 0) continue
      requests.push({ request: { space, keys }, version, names: keys.map((key) => `${space} ${key}`) })
    }
    return requests
  }

  /** @param read in the order of `requests` */
  takeGroups(requests: readonly GroupRead[], read: readonly (readonly (Uint8Array | undefined)[])[]): void {
    const { answering } = this.#columns
    const validity = new Validity()
    requests.forEach(({ version, names }, n) => {
      const form = groupForm(answering.slot(version).form)
      names.forEach((name, k) => {
        validity.reset()
        const totals = groupTotals(form, read[n]![k], this.asOfMs, validity)
        this.#groups.set(name, totals)
        this.#columns.takeGroup(name, totals, validity, this.#readAt)
      })
    })
  }

  write(out: readonly Float32Array[]): void {
    const { ofItem, ofUser, combined, numbers, numberOf } = this.#columns
    const items = this.#items
    for (let c = 0; c < ofItem.length; c++) {
      copyColumn(numbers, { from: c, step: ofItem.length }, items, out[ofItem[c]!.number]!)
    }
    for (const { number, computation, sides } of ofUser) {
      const parts = sides.map((side) => this.#userCells[side]![number])
      const { combine } = computation
      const reading = combine === undefined ? (parts[0] as FeatureReading) : combine(parts[0], parts[1], this)
      const value = numberOf(number, reading.value)
      out[number]!.fill(value, 0, items.length)
    }
    for (let p = 0; p < combined.length; p++) this.#writeCombined(p, out[combined[p]!.number]!)
  }

  #writeCombined(p: number, out: Float32Array): void {
    const { combined, parts, texts, itemSides, numberOf } = this.#columns
    const { number, computation, sides } = combined[p]!
    const combine = computation.combine!
    const ofItems = parts[p]!
    const isItemFirst = itemSides.includes(sides[0]!)
    const userSide = sides.find((side) => !itemSides.includes(side))
    const ofUser = userSide === undefined ? undefined : this.#userCells[userSide]![number]
    const read = (ofItem: unknown): number => {
      const reading = isItemFirst ? combine(ofItem, ofUser, this) : combine(ofUser, ofItem, this)
      return numberOf(number, reading.value)
    }
    const items = this.#items
    const { textsThatCount } = computation
    if (textsThatCount === undefined || isItemFirst) {
      for (let n = 0; n < items.length; n++) out[n] = read(ofItems[items[n]!])
      return
    }
    // Of one text, such as a category, are many items; and most texts mean nothing to this user.
    const { numbers: textNumbers, count } = texts[p]!
    const known = [...textsThatCount(ofUser)]
    const values = new Float32Array(count).fill(read(textBeside(known)))
    for (const text of known) {
      const textNumber = texts[p]!.numberOf(text)
      if (textNumber !== undefined) values[textNumber] = read(text)
    }
    for (let n = 0; n < items.length; n++) {
      const item = items[n]!
      const text = textNumbers[item]!
      out[n] = text < 0 ? read(ofItems[item]) : values[text]!
    }
  }

  // A value, because the plan's parts take it out of the call.
  readonly groupTotals = (version: string, key: string): GroupTotals => {
    const { answering } = this.#columns
    const space = layerSpace(answering.layerIds[answering.layerOf(version)]!)
    return this.#groups.get(`${space} ${groupKey(version, key)}`)!
  }

  /** Keys of the groups that the user or the items are in, by a feature that compares with them. */
  #groupsOf(number: number): ReadonlySet<string> {
    const { combined, parts, plan } = this.#columns
    const p = combined.findIndex((feature) => feature.number === number)
    const shares: Iterable<unknown> =
      p < 0
        ? [this.#userCells[plan.sides.findIndex((_, side) => this.#userCells[side]?.[number] !== undefined)]?.[number]]
        : Array.from(this.#items, (item) => parts[p]![item])
    const keys = new Set<string>()
    for (const share of shares) if (share !== undefined) keys.add((share as GroupShare).key)
    return keys
  }

  #itemsThatDoNotHold(): readonly number[] {
    const found: number[] = []
    for (const item of this.#items) if (!this.#columns.holds(item, this.asOfMs)) found.push(item)
    return found.length < 2 ? found : [...new Set(found)]
  }
}

const anyMoment = new Validity()

const cellsAt = (side: PlannedSide, bytes: Uint8Array | undefined, asOfMs: number): Cells =>
  side.freshCells(bytes, asOfMs, anyMoment)

/** Of `numbers`, items x `step`, the column that begins at `from`. A function of its own, small enough to be compiled well. */
function copyColumn(
  numbers: Float32Array,
  { from, step }: { readonly from: number; readonly step: number },
  items: Int32Array,
  to: Float32Array,
): void {
  for (let n = 0; n < items.length; n++) to[n] = numbers[items[n]! * step + from]!
}

/** A text that is none of these. */
function textBeside(texts: readonly string[]): string {
  let text = 'none'
  while (texts.includes(text)) text += '.'
  return text
}
