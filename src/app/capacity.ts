// How much memory and how many cores a system takes, from counts alone: bytes by the layout of what is kept, time by the figures of a benchmark. `millrace capacity --measure` holds
// it against the machine that it runs on.
import type { AttributePlan, AttributeType } from '../config/plan.ts'
import { grownLength } from '../lib/grown.ts'
import { idIndexesBytes } from '../lib/id-indexes.ts'
import {
  DEFAULT_HISTORY_LENGTH,
  HISTORY_ENTRY_BYTES,
  SEGMENT_LENGTH,
  SMALLEST_BLOCK_LENGTH,
} from '../serving/user-histories.ts'
import { measuredGrowth } from './measured-growth.ts'

/** What the cost follows from. */
export interface CapacityCounts {
  readonly itemCount: number
  readonly userCount: number
  /** The mean over users. */
  readonly interactionsPerUser: number
  /** Of the placement that ranks most. */
  readonly candidateCount: number
  /** Features that the ranker looks at; 0 where there is no ranker. */
  readonly featureCount: number
  readonly treeCount: number
}

/** How the items are described and what a model keeps of each; means over what there is. */
export interface CapacityShape {
  readonly attributes: Readonly<Record<string, Pick<AttributePlan, 'type'>>>
  /** Characters of an id. */
  readonly idLength: number
  /** Characters of a text attribute. */
  readonly textLength: number
  /** Of the arrays of all generators, an item; undefined where there is no model to say it. */
  readonly modelBytesPerItem: number | undefined
}

export interface CapacityPrediction {
  /** Of one serving process, in bytes. `model` is undefined where no model says how large it is; then the whole lacks it. */
  readonly bytes: Readonly<
    Record<'process' | 'catalogue' | 'popularity' | 'histories' | 'columns' | 'bitmaps' | 'whole', number>
  > & { readonly model: number | undefined }
  readonly requestsPerSecondPerCore: number
}

export function predictedCapacity(counts: CapacityCounts, shape: CapacityShape): CapacityPrediction {
  const { itemCount, featureCount } = counts
  const parts = {
    process: measuredGrowth.processBytes,
    catalogue: catalogueBytes(itemCount, shape),
    popularity: grownLength(itemCount) * POPULARITY_BYTES,
    histories: historyBytes(counts, shape),
    columns: featureCount === 0 ? 0 : itemCount * (COLUMN_BYTES + featureCount * FEATURE_BYTES) + mapBytes(itemCount),
    bitmaps: Math.min(MOST_BITMAP_BYTES, 2 * (itemCount / 8) * BITMAP_COUNT),
  }
  const { modelBytesPerItem } = shape
  const model =
    modelBytesPerItem === undefined ? undefined : itemCount * (modelBytesPerItem + MODEL_SCRATCH_BYTES + SLICE_BYTES)
  const whole = Object.values(parts).reduce((sum, bytes) => sum + bytes, model ?? 0)
  return { bytes: { ...parts, model, whole }, requestsPerSecondPerCore: 1e6 / requestUs(counts) }
}

/** Processes of one core each that a rate takes, with room for peaks. */
export function workersFor(requestsPerSecond: number, perCore: number): number {
  return Math.max(1, Math.ceil(requestsPerSecond / (perCore * LOAD_SHARE)))
}

/** Of a core's time, so much is to be used: beyond, requests wait for each other. */
export const LOAD_SHARE = 0.7
/** Filters that are asked for again and again, for which a bitmap is kept, by item and by place in the index. */
export const BITMAP_COUNT = 200

/** `ItemBitmaps` keeps at most 64 MiB of each of two kinds, and an index the same bits of one of them as it stores them. */
const MOST_BITMAP_BYTES = 3 * 64 * 2 ** 20
/** `LivePopularity`: count, order and place. */
const POPULARITY_BYTES = 12
/** `Catalogue`: three times and a flag. */
const ITEM_BYTES = 25
/** `FeatureColumns`: for which moments an item's values hold, and when it changed. */
const COLUMN_BYTES = 20
/** Of a value that an item alone decides 4; one that is combined with the user keeps 16. Most are of items. */
const FEATURE_BYTES = 6
/** Row and index of each item both ways. */
const INDEX_BYTES = 8
/**
 * Of the generators' working memory: order, positions and codes for the search. Of popularity 4, of factors their width and 41, of item neighbours a bit: what is here is a system
 * with all three and 64 factors. What item neighbours take for the longest history, 90 bytes a similar item of its items at most, is small beside them.
 */
const MODEL_SCRATCH_BYTES = INDEX_BYTES + 4 + 64 + 41 + 1 / 8
/** An id of the model's list: a part of its file's text, and its place in the list. */
const SLICE_BYTES = 40
/** `UserHistories`: address, then length and block length in one. */
const USER_BYTES = 8
/** Blocks that became too small lie free until another user's grows into them: about this much beside those in use, with users that all grow at the same time. */
const FREE_BLOCK_SHARE = 0.5
/** An item and a kind of interaction among a user's older ones, in a map. */
const OLDER_BYTES = 40
const MOST_OLDER = 10_000

const attributeBytes: Readonly<Record<AttributeType, number>> = {
  category: 4,
  /** Place and length; the tags themselves, about four. */
  tags: 6 + 4 * 4,
  /** The reference; the text itself is added. */
  text: 8,
  number: 8,
  integer: 8,
  timestamp: 8,
  boolean: 1,
}

function catalogueBytes(itemCount: number, { attributes, idLength, textLength }: CapacityShape): number {
  const types = Object.values(attributes).map(({ type }) => type)
  const perRow = types.reduce((sum, type) => sum + attributeBytes[type], ITEM_BYTES)
  const texts = types.filter((type) => type === 'text').length * stringBytes(textLength)
  return (
    idIndexesBytes(itemCount, idLength) +
    grownLength(itemCount) * (perRow + REFERENCE_BYTES) +
    itemCount * (stringBytes(idLength) + texts)
  )
}

function historyBytes({ userCount, interactionsPerUser }: CapacityCounts, { idLength }: CapacityShape): number {
  const kept = Math.min(interactionsPerUser, DEFAULT_HISTORY_LENGTH)
  // A history takes the next power of two, on average the middle between its length and twice that.
  const blockLength = Math.max(SMALLEST_BLOCK_LENGTH, 1.5 * kept)
  const older = Math.min(MOST_OLDER, Math.max(0, interactionsPerUser - DEFAULT_HISTORY_LENGTH))
  const entryCount = userCount * blockLength * (1 + FREE_BLOCK_SHARE)
  return (
    idIndexesBytes(userCount, idLength) +
    grownLength(userCount) * USER_BYTES +
    Math.ceil(entryCount / SEGMENT_LENGTH) * SEGMENT_LENGTH * HISTORY_ENTRY_BYTES +
    userCount * older * OLDER_BYTES
  )
}

const REFERENCE_BYTES = 8

/** A string of V8 with one byte a character: its head, then whole words. */
const stringBytes = (length: number): number => 16 + 8 * Math.ceil(length / 8)

/** A `Map` of V8: three words an entry and half a word for its buckets, with room for a power of two of them. */
const mapBytes = (entryCount: number): number => 2 ** Math.ceil(Math.log2(Math.max(4, entryCount))) * 28

/** Processor time of a request. The counts' effects are taken to multiply each other, which the benchmark, varying one at a time, does not show. */
function requestUs({ itemCount, userCount, candidateCount, featureCount, treeCount }: CapacityCounts): number {
  const { base, usByCandidates, usByItems, usByUsers, featuresShare, rankingShare } = measuredGrowth
  const byItems = between(usByItems, itemCount) / between(usByItems, base.itemCount)
  const byUsers = between(usByUsers, userCount) / between(usByUsers, base.userCount)
  const byRanker =
    1 + featuresShare * (featureCount / base.featureCount - 1) + rankingShare * (treeCount / base.treeCount - 1)
  return between(usByCandidates, candidateCount) * byItems * byUsers * byRanker
}

/** On the line through the points beside it, both scales logarithmic; beyond the last measured count as there. */
function between(points: readonly (readonly [count: number, us: number])[], count: number): number {
  const upper = points.findIndex(([pointCount]) => pointCount >= count)
  if (upper === 0) return points[0]![1]
  if (upper < 0) return points.at(-1)![1]
  const [lowCount, lowUs] = points[upper - 1]!
  const [highCount, highUs] = points[upper]!
  return lowUs * (highUs / lowUs) ** (Math.log(count / lowCount) / Math.log(highCount / lowCount))
}
