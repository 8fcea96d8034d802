// Features of a model's items as columns of numbers. A request for five hundred items copies what is there; only what has changed since, by an event or
// by time alone, is read from the store. The numbers are those that a `FeatureReader` would give at the same moment, to the last bit.

import type { FeatureDefinition, FeatureMoment, FeatureReading, FeatureValue } from '../domain/feature.ts'
import type { CombiningSources, FeatureComputation, GroupShare } from '../domain/feature-state/feature-computation.ts'
import { type GroupTotals, groupForm, groupTotals } from '../domain/feature-state/group-state.ts'
import { Validity } from '../domain/feature-tiles/validity.ts'
import type { Clock } from '../lib/clock.ts'
import { grown } from '../lib/grown.ts'
import { othersTurn } from '../lib/others-turn.ts'
import type { ChangedRecords, OnlineStore, RecordRequest, StoreMark } from '../ports/online-store.ts'
import { Answering, knownTo, notComputedYet, readAnswering, revisionIn } from './answering-features.ts'
import { entityKey, groupKey, HEAD_KEY } from './feature-layer.ts'
import { emptyManifest, layerSpace, MANIFEST_SPACE, REVISION_KEY } from './feature-manifest.ts'
import { ItemRows } from './item-rows.ts'
import type { Cells } from './known-entities.ts'
import type { ReadPlan } from './read-plan.ts'

export interface FeatureColumnsOptions {
  readonly store: OnlineStore
  /** Says what now is. */
  readonly clock: Clock
  /** The features of the columns, in their order, as the system file has them. */
  readonly definitions: readonly FeatureDefinition[]
  /** By number of the item, which is what `fill` is asked for. */
  readonly itemIds: readonly string[]
  /** What a value is as a number, NaN for missing; a number is itself. */
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
  /** Whoever asks first makes them, and those who come meanwhile wait for the same: they take some hundred bytes an item. */
  let columns: Promise<Columns> | undefined
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
      const begun = (columns ??= begin())
      const startOver = (): void => {
        if (columns === begun) columns = undefined
      }
      const current = await begun.catch((error: unknown) => {
        startOver()
        throw error
      })
      const { mark, changed } = await store.changesSince(current.mark)
      current.follow(mark, changed)
      const isLast = attempt >= ATTEMPT_COUNT
      const heads = isLast || current.heads?.mark !== mark ? undefined : current.heads
      const call = new FillCall(current, { userId, items, nowMs: clock.now(), heads })
      const read = await store.read(call.requests)
      if (heads === undefined) {
        if (revisionIn(read[0]![0]) !== current.answering.revision) {
          startOver()
          continue
        }
      } else if ((await store.changesSince(mark)).mark !== mark) continue
      if (!call.take(read) && !isLast) continue
      const groups = call.groupRequests()
      if (groups.length > 0) {
        const groupRead = await store.read([...current.headRequests, ...groups.map(({ request }) => request)])
        if (!call.takeGroups(groups, groupRead) && !isLast) continue
      }
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

/** Put together of several things: one is the item's part, of which a row has a number that says the same, where there is one. */
interface CombinedFeature extends PlannedFeature {
  /** The item's part of it by item, as it is. */
  readonly parts: unknown[]
  /** Where what is made of a text is worked out once for all items with it: rows have its number among these. */
  readonly texts: ItemTexts | undefined
  /** Its place among the texts of a row, or among the parts. */
  readonly place: number
}

/** The totals of a group, for the moments from the first to before the second. */
interface KnownGroup {
  readonly totals: GroupTotals
  readonly fromMs: number
  readonly untilMs: number
}

/** Texts beyond so many get no number: what was worked out for one would hardly be asked for again. */
const NUMBERED_TEXTS = 10_000

/** Numbers for the items' parts of one feature, where they are texts. */
class ItemTexts {
  readonly #numberByText = new Map<string, number>()

  get count(): number {
    return this.#numberByText.size
  }

  /** Undefined for a text that no item has had. */
  numberOf(text: string): number | undefined {
    return this.#numberByText.get(text)
  }

  /** Equal texts have one number; undefined for a part that is no text. */
  numbered(part: unknown): number | undefined {
    if (typeof part !== 'string') return undefined
    const known = this.#numberByText.get(part)
    if (known !== undefined) return known
    if (this.#numberByText.size === NUMBERED_TEXTS) return undefined
    this.#numberByText.set(part, this.#numberByText.size)
    return this.#numberByText.size - 1
  }
}

/** What the manifest's revision and the heads of layers said; they say the same as long as nothing has been committed since the mark. */
interface KnownHeads {
  readonly mark: StoreMark
  readonly newestMs: number
  readonly nextOffset: number | undefined
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
  /** Features that an item's records alone say: they come last in `rows`. */
  readonly ofItem: readonly PlannedFeature[]
  readonly ofUser: readonly PlannedFeature[]
  readonly combined: readonly CombinedFeature[]
  readonly rows: ItemRows
  /** One a layer. */
  readonly headRequests: readonly RecordRequest[]
  /** Of the newest event that was seen in the store. */
  newestMs = -1
  /** As they were read last, in a call that began with that mark: a later look that still gives it says that they are of it. */
  heads: KnownHeads | undefined
  /** Counts the looks at what has changed; by item, the look that said so last. */
  look = 1
  readonly #changedAt: Uint32Array
  #allChangedAt = 0
  readonly groups = new Map<string, KnownGroup>()
  readonly #groupsChangedAt = new Map<string, number>()
  readonly #numberByItem: ReadonlyMap<string, number>
  readonly #layerBySpace: ReadonlyMap<string, number>
  readonly #validity = new Validity()
  // Scratch. Outside of the heap, so that arrays made anew would have the collector run for them.
  #partValues = new Float64Array(0)
  #textValues = new Float32Array(0)

  constructor(
    answering: Answering,
    plan: ReadPlan,
    mark: StoreMark,
    { numberOf, itemIds, clock }: FeatureColumnsOptions,
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
    const shape = { textCount: 0, partCount: 0, numberCount: this.ofItem.length }
    this.combined = features
      .filter((feature) => !isOfItem(feature) && !isOfUser(feature))
      .map((feature) => {
        const parts = new Array(itemIds.length).fill(undefined)
        const goesByTexts =
          feature.computation.textsThatCount !== undefined && !this.itemSides.includes(feature.sides[0]!)
        return goesByTexts
          ? { ...feature, parts, texts: new ItemTexts(), place: shape.textCount++ }
          : { ...feature, parts, texts: undefined, place: shape.partCount++ }
      })
    this.rows = new ItemRows(itemIds.length, shape, clock.now())
    this.headRequests = answering.layerIds.map((id) => ({ space: layerSpace(id), keys: [HEAD_KEY] }))
    this.#changedAt = new Uint32Array(itemIds.length)
  }

  /** Lets go of what holds no more. @param changed undefined where it may be anything */
  follow(mark: StoreMark, changed: readonly ChangedRecords[] | undefined): void {
    if (mark === this.mark) return
    this.mark = mark
    this.look++
    if (changed === undefined) {
      this.#allChangedAt = this.look
      for (let item = 0; item < this.itemIds.length; item++) this.rows.forget(item)
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
      this.rows.forget(item)
      this.#changedAt[item] = this.look
    } else if (key.startsWith('g')) {
      this.groups.delete(`${space} ${key}`)
      this.#groupsChangedAt.set(`${space} ${key}`, this.look)
    }
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
    for (let c = 0; c < this.ofItem.length; c++) {
      const { number, sides } = this.ofItem[c]!
      const reading = cells[this.itemSides.indexOf(sides[0]!)]![number] as FeatureReading
      this.rows.setNumber(item, c, this.numberOf(number, reading.value))
    }
    for (let p = 0; p < this.combined.length; p++) {
      const { number, sides, parts, texts, place } = this.combined[p]!
      const n = this.itemSides.findIndex((side) => sides.includes(side))
      const part = cells[n]![number]
      parts[item] = part
      if (texts !== undefined) this.rows.setText(item, place, texts.numbered(part))
      else this.rows.setPart(item, place, typeof part === 'number' ? part : Number.NaN)
    }
    const isNewest = this.#changedAt[item]! <= readAt && this.#allChangedAt <= readAt
    const isFollowed = this.itemIds[item]!.length <= FOLLOWED_KEY_LENGTH
    const untilMs = isNewest && isFollowed ? validity.untilMs : Number.NEGATIVE_INFINITY
    this.rows.setMoments(item, validity.fromMs, untilMs)
  }

  /** Scratch with room for one part of so many items. */
  partValues(itemCount: number): Float64Array {
    return (this.#partValues = grown(this.#partValues, itemCount))
  }

  /** Scratch with room for so many texts. */
  textValues(count: number): Float32Array {
    return (this.#textValues = grown(this.#textValues, count))
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

const revisionRequest: RecordRequest = { space: MANIFEST_SPACE, keys: [REVISION_KEY] }

interface Filling {
  readonly userId: string | undefined
  readonly items: Int32Array
  readonly nowMs: number
  /** Undefined where they have to be read. */
  readonly heads: KnownHeads | undefined
}

/** One request on its way: first what to read, then what was read, then the rows. */
class FillCall implements CombiningSources {
  readonly #columns: Columns
  readonly #items: Int32Array
  readonly #readAt: number
  readonly #nowMs: number
  /** Items whose numbers do not hold now, each once. */
  readonly #unread: readonly number[]
  readonly #heads: KnownHeads | undefined
  readonly #mark: StoreMark
  /** Revision and heads of layers, unless they are known; the user's records, then those of the unread items. */
  readonly requests: readonly RecordRequest[]
  readonly #groups = new Map<string, GroupTotals>()
  /** By place of the side in the plan. */
  readonly #userCells: Cells[] = []
  asOfMs: number
  /** Of the newest event of the layers, when the entities were read. */
  #newestMs = -1
  /** What all layers know of the log; undefined where one of them knows more than another. */
  nextOffset: number | undefined

  constructor(columns: Columns, { userId, items, nowMs, heads }: Filling) {
    this.#columns = columns
    this.#heads = heads
    this.#mark = columns.mark
    this.#items = items
    this.#readAt = columns.look
    // The moments for which a value holds are whole milliseconds.
    this.#nowMs = Math.floor(nowMs)
    this.asOfMs = Math.max(this.#nowMs, columns.newestMs + 1)
    this.#unread = columns.rows.notHolding(items, this.asOfMs)
    const { userSides, itemSides, plan } = columns
    const requests: RecordRequest[] = heads === undefined ? [revisionRequest, ...columns.headRequests] : []
    const add = (side: number, keys: readonly string[]): void => {
      requests.push({ space: plan.sides[side]!.side.space, keys })
    }
    const userKeys = userId === undefined ? [] : [entityKey('user', userId)]
    for (const side of userSides) add(side, userKeys)
    const itemKeys = this.#unread.map((item) => entityKey('item', columns.itemIds[item]!))
    if (itemKeys.length > 0) for (const side of itemSides) add(side, itemKeys)
    this.requests = requests
  }

  /**
   * @param read in the order of `requests`
   * @returns false where the moment turned out to be later than was thought, and something does not hold at it
   */
  take(read: readonly (readonly (Uint8Array | undefined)[])[]): boolean {
    const columns = this.#columns
    const { userSides, itemSides, plan } = columns
    const firstOfUser = this.#heads === undefined ? 1 + columns.headRequests.length : 0
    const { newestMs, nextOffset } = this.#heads ?? knownTo(read.slice(1, firstOfUser))
    if (this.#heads === undefined) columns.heads = { mark: this.#mark, newestMs, nextOffset }
    columns.newestMs = Math.max(columns.newestMs, newestMs)
    this.nextOffset = nextOffset
    this.#newestMs = newestMs
    const supposedMs = this.asOfMs
    this.asOfMs = Math.max(this.#nowMs, columns.newestMs + 1)
    userSides.forEach((side, n) => {
      this.#userCells[side] = plan.sides[side]!.freshCells(read[firstOfUser + n]![0], this.asOfMs, anyMoment)
    })
    const ofItems = read.slice(firstOfUser + userSides.length)
    for (let u = 0; u < this.#unread.length; u++) {
      const records = itemSides.map((_, n) => ofItems[n]![u])
      columns.takeItem(this.#unread[u]!, records, this.asOfMs, this.#readAt)
    }
    if (supposedMs === this.asOfMs) return true
    const readNow = new Set(this.#unread)
    return columns.rows.notHolding(this.#items, this.asOfMs).every((item) => readNow.has(item))
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

  /**
   * @param read in the order of heads, then `requests`
   * @returns false where a commit came in between, so that the groups may be newer than the entities
   */
  takeGroups(requests: readonly GroupRead[], read: readonly (readonly (Uint8Array | undefined)[])[]): boolean {
    const { answering } = this.#columns
    const headCount = this.#columns.headRequests.length
    const validity = new Validity()
    requests.forEach(({ version, names }, n) => {
      const form = groupForm(answering.slot(version).form)
      names.forEach((name, k) => {
        validity.reset()
        const totals = groupTotals(form, read[headCount + n]![k], this.asOfMs, validity)
        this.#groups.set(name, totals)
        this.#columns.takeGroup(name, totals, validity, this.#readAt)
      })
    })
    const { newestMs, nextOffset } = knownTo(read.slice(0, headCount))
    return newestMs === this.#newestMs && nextOffset === this.nextOffset
  }

  write(out: readonly Float32Array[]): void {
    const { ofItem, ofUser, combined, rows, numberOf } = this.#columns
    const items = this.#items
    rows.copyNumbers(
      items,
      ofItem.map(({ number }) => out[number]!),
    )
    for (const { number, computation, sides } of ofUser) {
      const parts = sides.map((side) => this.#userCells[side]![number])
      const { combine } = computation
      const reading = combine === undefined ? (parts[0] as FeatureReading) : combine(parts[0], parts[1], this)
      const value = numberOf(number, reading.value)
      out[number]!.fill(value, 0, items.length)
    }
    for (const feature of combined) this.#writeCombined(feature, out[feature.number]!)
  }

  #writeCombined({ number, computation, sides, parts, texts, place }: CombinedFeature, out: Float32Array): void {
    const { itemSides, numberOf, rows } = this.#columns
    const combine = computation.combine!
    const isItemFirst = itemSides.includes(sides[0]!)
    const userSide = sides.find((side) => !itemSides.includes(side))
    const ofUser = userSide === undefined ? undefined : this.#userCells[userSide]![number]
    const read = (ofItem: unknown): number => {
      const reading = isItemFirst ? combine(ofItem, ofUser, this) : combine(ofUser, ofItem, this)
      return numberOf(number, reading.value)
    }
    const items = this.#items
    if (texts !== undefined) {
      // Of one text, such as a category, are many items; and most texts mean nothing to this user.
      const known = [...computation.textsThatCount!(ofUser)]
      const values = this.#columns.textValues(texts.count).fill(read(textBeside(known)), 0, texts.count)
      for (const text of known) {
        const textNumber = texts.numberOf(text)
        if (textNumber !== undefined) values[textNumber] = read(text)
      }
      rows.lookUp(place, items, { values, ofOther: (item) => read(parts[item]) }, out)
      return
    }
    const asNumbers = this.#columns.partValues(items.length)
    rows.copyParts(place, items, asNumbers)
    const { secondsAgo } = computation
    if (secondsAgo === undefined) {
      for (let n = 0; n < items.length; n++) {
        const part = asNumbers[n]!
        out[n] = read(Number.isNaN(part) ? parts[items[n]!] : part)
      }
      return
    }
    const { asOfMs } = this
    const { ttlMs, whenStale } = secondsAgo
    const ofNone = read(undefined)
    for (let n = 0; n < items.length; n++) {
      const agoMs = asOfMs - asNumbers[n]!
      if (Number.isNaN(agoMs)) out[n] = ofNone
      else out[n] = agoMs > ttlMs ? whenStale : agoMs / 1000
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
    const { combined, plan } = this.#columns
    const parts = combined.find((feature) => feature.number === number)?.parts
    const shares: Iterable<unknown> =
      parts === undefined
        ? [this.#userCells[plan.sides.findIndex((_, side) => this.#userCells[side]?.[number] !== undefined)]?.[number]]
        : Array.from(this.#items, (item) => parts[item])
    const keys = new Set<string>()
    for (const share of shares) if (share !== undefined) keys.add((share as GroupShare).key)
    return keys
  }
}

const anyMoment = new Validity()

/** A text that is none of these. */
function textBeside(texts: readonly string[]): string {
  let text = 'none'
  while (texts.includes(text)) text += '.'
  return text
}
