// Maximum inner product search over inverted lists of float32 vectors: one call answers one query.
//
// Steps: score the lists' centroids, take lists best first until enough allowed items are collected, leave out those whose one-byte codes show
// that they cannot be among the best k, score the rest exactly, cut at the k-th score, sort. Everything works on "positions", the order in
// which the vectors are stored (list by list), until items are written out.
//
// The host lays everything out and passes the address of a descriptor: 32-bit words in the order of the constants below, which
// src/kernels/item-index.ts mirrors.
import { bump, CUT_BUCKETS, keyOf, nextPlace, scoreOfKey, sortPlaced, startBuckets } from './lib/best-keys'
import { boundProducts, encodeQuery, encodeRows, estimateProducts } from './lib/codes'
import { touchRange, touchRows } from './lib/touch'
import { dot } from './lib/vector'

const ITEM_COUNT: usize = 0
const WIDTH: usize = 4
const LIST_COUNT: usize = 8
/** itemCount x width float32, by position. */
const VECTORS: usize = 12
const ITEM_BY_POSITION: usize = 16
const POSITION_BY_ITEM: usize = 20
/** listCount + 1 positions. */
const LIST_OFFSETS: usize = 24
/** listCount x width float32. */
const CENTROIDS: usize = 28
/** Per list, how far its items spread, in the norm of the metric. */
const RADII: usize = 32
/** width x width float32: the inverse of the metric. */
const INVERSE_METRIC: usize = 36
const QUERY: usize = 40
/** Bit set of the allowed items, by item. */
const ALLOWED: usize = 44
/** Scratch, 4 bytes per list. */
const LIST_ORDER: usize = 48
/** Scratch, 4 bytes per list (padded to a block). */
const LIST_SCORES: usize = 52
/** Scratch, 4 bytes per item and 16 to spare. */
const POSITIONS: usize = 56
const SCORES: usize = 60
/** Scratch, 8 bytes per item each. */
const KEYS: usize = 64
const SPARE_KEYS: usize = 68
/** Scratch, 1024 counters. */
const COUNTERS: usize = 72
const OUT_ITEMS: usize = 76
const OUT_SCORES: usize = 80
/** Bytes of a code; 0 where the vectors cannot be written as codes. */
const CODE_WIDTH: usize = 84
/** itemCount x code width int8, by position. */
const CODES: usize = 88
/** Two float32 per 16 items, by position: scale and radius of their codes. */
const BOUNDS: usize = 92
/** Code width int16. */
const QUERY_CODES: usize = 96
/** One float32. */
const QUERY_SCALE: usize = 100
/** listCount x code width int8, padded to a multiple of 4 lists. */
const CENTROID_CODES: usize = 104
/** Two float32 per 16 lists. */
const CENTROID_BOUNDS: usize = 108
/** Bit set of the allowed items, by position, in whole words of 64. */
const ALLOWED_POSITIONS: usize = 112
/** Pairs of float32, ascending: for the best so many of all items, so many have to be scored. */
const EFFORTS: usize = 116
const EFFORT_COUNT: usize = 120

/** Which of the two sets says what is allowed. */
const EVERY_ITEM: i32 = 0
const BY_ITEM: i32 = 1
const BY_POSITION: i32 = 2

const CENTROIDS_PER_BLOCK: usize = 32
/** Reading codes first pays where there are this many times as many items as are wanted. */
const CODES_FROM: i32 = 2
/** As many positions wait before they are looked at together. */
const LOOK_BLOCK: i32 = 256
/** Lists whose items are read ahead. */
const LISTS_AHEAD: i32 = 8
/** Vectors read ahead of the arithmetic, 16 kB of width 256. */
const READ_AHEAD: usize = 16

/** Makes the codes from vectors and centroids; without this, or where it cannot be done, searches read them in full. */
export function encode(index: usize, codeWidth: i32): void {
  const width = count(index, WIDTH)
  const areItemsWhole = encodeRows(field(index, VECTORS), count(index, ITEM_COUNT), width, field(index, CODES), codeWidth, field(index, BOUNDS))
  const areListsWhole = encodeRows(
    field(index, CENTROIDS),
    count(index, LIST_COUNT),
    width,
    field(index, CENTROID_CODES),
    codeWidth,
    field(index, CENTROID_BOUNDS),
  )
  store<i32>(index + CODE_WIDTH, areItemsWhole && areListsWhole ? codeWidth : 0)
}

/** How many items the allowed set holds. */
export function countAllowed(index: usize): i32 {
  const allowed = field(index, ALLOWED)
  const itemCount = count(index, ITEM_COUNT)
  // The set is in whole words of 32 items.
  let allowedCount = 0
  let first = 0
  for (; first + 64 <= itemCount; first += 64) allowedCount += i32(popcnt(load<u64>(allowed + (usize(first) >> 3))))
  for (; first + 32 <= itemCount; first += 32) allowedCount += popcnt(load<u32>(allowed + (usize(first) >> 3)))
  const rest = itemCount - first
  if (rest) allowedCount += popcnt(load<u32>(allowed + (usize(first) >> 3)) & ((1 << rest) - 1))
  return allowedCount
}

/** The best k of the `allowedCount` items that `filter` allows. Returns how many were written. */
export function searchAll(index: usize, k: i32, allowedCount: i32, filter: i32): i32 {
  const found = filter == BY_ITEM ? collectAllowed(index, allowedCount) : collect(index, 0, count(index, ITEM_COUNT), 0, filter)
  const isLooking = isWorthLooking(k, found) && readCodes(index)
  return rank(index, isLooking ? leaveOut(index, lookInParts(index, found, k), k) : found, k)
}

/**
 * The best k among the lists that come first. With `effortK` 0 as many lists as hold `budget` allowed items; else as many as are enough for the best
 * `effortK` allowed ones, see `isEnough`. Returns how many were written.
 */
export function searchLists(index: usize, k: i32, budget: i32, effortK: i32, leastShare: f32, filter: i32): i32 {
  const areCodesRead = readCodes(index)
  scoreLists(index, areCodesRead)
  const order = field(index, LIST_ORDER)
  const offsets = field(index, LIST_OFFSETS)
  const isLooking = areCodesRead && isWorthLooking(k, budget)
  const listCount = count(index, LIST_COUNT)
  orderLists(index)
  let scanned = 0
  let passed = 0
  // Positions before `kept` were looked at and stay; those up to `found` wait.
  let kept = 0
  let found = 0
  effortRow = 0
  for (let at = 0; at < listCount; at++) {
    if (effortK == 0 ? scanned >= budget : scanned >= k && isEnough(index, effortK, scanned, passed, budget, leastShare)) break
    if (filter == BY_ITEM && (at & (LISTS_AHEAD - 1)) == 0) touchItems(index, at, min(at + LISTS_AHEAD, listCount))
    const list = usize(load<u32>(order + (usize(at) << 2)))
    const from = load<i32>(offsets + (list << 2))
    const to = load<i32>(offsets + (list << 2), 4)
    const before = found
    found = collect(index, from, to, found, filter)
    scanned += found - before
    passed += to - from
    if (!isLooking || found - kept < LOOK_BLOCK) continue
    kept = look(index, kept, found)
    if (kept > 4 * k + LOOK_BLOCK) kept = leaveOut(index, kept, k)
    found = kept
  }
  return rank(index, isLooking ? leaveOut(index, look(index, kept, found), k) : found, k)
}

/** Where the last look into the efforts ended: the next one is near. */
let effortRow: i32 = 0

/**
 * Whether so many lists are enough for the best k of the allowed items. Among the items that were passed the share s of allowed ones is that of where the
 * query points to, whatever it is elsewhere: the best k of them are spread there like the best k / s of all. But where the share is below `leastShare`,
 * the filter goes against the query: the best of what it leaves lie where search is worse than on average, and `budget` of them are scored.
 */
function isEnough(index: usize, k: i32, scanned: i32, passed: i32, budget: i32, leastShare: f32): bool {
  const share = f32(scanned) / f32(passed)
  return share < leastShare ? scanned >= budget : f32(passed) >= effortOf(index, f32(k) / share)
}

/** How many items have to be scored for the best k of all. */
function effortOf(index: usize, k: f32): f32 {
  const efforts = field(index, EFFORTS)
  const last = count(index, EFFORT_COUNT) - 1
  let row = effortRow
  while (row < last && load<f32>(efforts + (usize(row) << 3)) < k) row++
  while (row > 0 && load<f32>(efforts + (usize(row - 1) << 3)) >= k) row--
  effortRow = row
  const at = efforts + (usize(row) << 3)
  const upperK = load<f32>(at)
  const upper = load<f32>(at, 4)
  if (row == 0 || k >= upperK) return upper
  const lowerK = load<f32>(at - 8)
  const lower = load<f32>(at - 8, 4)
  return lower + ((upper - lower) * (k - lowerK)) / (upperK - lowerK)
}

/**
 * score(list) = <q, centroid> + radius * sqrt(q' M^-1 q / width)
 * The second term is the spread that the list's scores should have: its items scatter by `radius` in the metric M of the queries.
 * The first is estimated from the centroids' codes, which are a quarter of their size: it decides in which order lists are looked at, and how many
 * of them are enough has been calibrated with it.
 */
function scoreLists(index: usize, areCodesRead: bool): void {
  const query = field(index, QUERY)
  const width = count(index, WIDTH)
  const scores = field(index, LIST_SCORES)
  const radii = field(index, RADII)
  const listCount = count(index, LIST_COUNT)
  if (areCodesRead) {
    estimateProducts(
      listCount,
      field(index, CENTROID_CODES),
      count(index, CODE_WIDTH),
      field(index, CENTROID_BOUNDS),
      field(index, QUERY_CODES),
      load<f32>(field(index, QUERY_SCALE)),
      scores,
    )
  } else {
    const centroids = field(index, CENTROIDS)
    const rowBytes = usize(width) << 2
    for (let list: usize = 0; list < usize(listCount); list++) {
      store<f32>(scores + (list << 2), dot(centroids + list * rowBytes, query, width))
    }
  }
  const variance = quadraticForm(query, field(index, INVERSE_METRIC), width)
  const spread = f32x4.splat(sqrt<f32>(max<f32>(variance, 0) / f32(width)))
  for (let at: usize = 0; at < usize(listCount) << 2; at += 16) {
    v128.store(scores + at, f32x4.relaxed_madd(v128.load(radii + at), spread, v128.load(scores + at)))
  }
}

/** x' M x for each of `rowCount` rows. */
export function quadraticForms(rows: usize, rowCount: i32, matrix: usize, width: i32, out: usize): void {
  const rowBytes = usize(width) << 2
  for (let row: usize = 0; row < usize(rowCount); row++) {
    store<f32>(out + (row << 2), quadraticForm(rows + row * rowBytes, matrix, width))
  }
}

/**
 * For each row x the centroid c with the largest <x, projected[c]> - offset[c], which is the nearest one in the metric M where
 * projected = M c and offset = c' M c / 2. Threads share `nextRow`, an atomic counter that starts at 0.
 */
export function assignRows(
  rows: usize,
  rowCount: i32,
  width: i32,
  projectedBlocks: usize,
  centroidOffsets: usize,
  centroidCount: i32,
  assigned: usize,
  nextRow: usize,
): void {
  const chunk = 64
  while (true) {
    const from = atomic.add<i32>(nextRow, chunk)
    if (from >= rowCount) return
    const to = min(rowCount, from + chunk)
    for (let row = from; row < to; row += 4) {
      // Past the end the last row is assigned again, to itself.
      assignFour(rows, row, min(row + 1, to - 1), min(row + 2, to - 1), min(row + 3, to - 1), width, projectedBlocks, centroidOffsets, centroidCount, assigned)
    }
  }
}

function assignFour(
  rows: usize,
  row0: i32,
  row1: i32,
  row2: i32,
  row3: i32,
  width: i32,
  blocks: usize,
  centroidOffsets: usize,
  centroidCount: i32,
  assigned: usize,
): void {
  const rowBytes = usize(width) << 2
  const x0 = rows + usize(row0) * rowBytes
  const x1 = rows + usize(row1) * rowBytes
  const x2 = rows + usize(row2) * rowBytes
  const x3 = rows + usize(row3) * rowBytes
  const blockRowBytes = CENTROIDS_PER_BLOCK << 2
  let best0 = f32x4.splat(-Infinity)
  let best1 = best0
  let best2 = best0
  let best3 = best0
  let at0 = i32x4.splat(0)
  let at1 = at0
  let at2 = at0
  let at3 = at0
  for (let first = 0; first < centroidCount; first += 8) {
    const inBlock = usize(first) % CENTROIDS_PER_BLOCK
    let c = blocks + (usize(first) - inBlock) * rowBytes + (inBlock << 2)
    const offsetLow = f32x4.neg(v128.load(centroidOffsets + (usize(first) << 2)))
    const offsetHigh = f32x4.neg(v128.load(centroidOffsets + (usize(first) << 2), 16))
    let low0 = offsetLow
    let low1 = offsetLow
    let low2 = offsetLow
    let low3 = offsetLow
    let high0 = offsetHigh
    let high1 = offsetHigh
    let high2 = offsetHigh
    let high3 = offsetHigh
    for (let d: usize = 0; d < rowBytes; d += 4) {
      const low = v128.load(c)
      const high = v128.load(c, 16)
      c += blockRowBytes
      let x = v128.load32_splat(x0 + d)
      low0 = f32x4.relaxed_madd(x, low, low0)
      high0 = f32x4.relaxed_madd(x, high, high0)
      x = v128.load32_splat(x1 + d)
      low1 = f32x4.relaxed_madd(x, low, low1)
      high1 = f32x4.relaxed_madd(x, high, high1)
      x = v128.load32_splat(x2 + d)
      low2 = f32x4.relaxed_madd(x, low, low2)
      high2 = f32x4.relaxed_madd(x, high, high2)
      x = v128.load32_splat(x3 + d)
      low3 = f32x4.relaxed_madd(x, low, low3)
      high3 = f32x4.relaxed_madd(x, high, high3)
    }
    const lowNumbers = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3))
    const highNumbers = i32x4.add(i32x4.splat(first), i32x4(4, 5, 6, 7))
    let isBetter = f32x4.gt(low0, best0)
    best0 = v128.bitselect(low0, best0, isBetter)
    at0 = v128.bitselect(lowNumbers, at0, isBetter)
    isBetter = f32x4.gt(high0, best0)
    best0 = v128.bitselect(high0, best0, isBetter)
    at0 = v128.bitselect(highNumbers, at0, isBetter)
    isBetter = f32x4.gt(low1, best1)
    best1 = v128.bitselect(low1, best1, isBetter)
    at1 = v128.bitselect(lowNumbers, at1, isBetter)
    isBetter = f32x4.gt(high1, best1)
    best1 = v128.bitselect(high1, best1, isBetter)
    at1 = v128.bitselect(highNumbers, at1, isBetter)
    isBetter = f32x4.gt(low2, best2)
    best2 = v128.bitselect(low2, best2, isBetter)
    at2 = v128.bitselect(lowNumbers, at2, isBetter)
    isBetter = f32x4.gt(high2, best2)
    best2 = v128.bitselect(high2, best2, isBetter)
    at2 = v128.bitselect(highNumbers, at2, isBetter)
    isBetter = f32x4.gt(low3, best3)
    best3 = v128.bitselect(low3, best3, isBetter)
    at3 = v128.bitselect(lowNumbers, at3, isBetter)
    isBetter = f32x4.gt(high3, best3)
    best3 = v128.bitselect(high3, best3, isBetter)
    at3 = v128.bitselect(highNumbers, at3, isBetter)
  }
  store<i32>(assigned + (usize(row0) << 2), bestLane(best0, at0))
  store<i32>(assigned + (usize(row1) << 2), bestLane(best1, at1))
  store<i32>(assigned + (usize(row2) << 2), bestLane(best2, at2))
  store<i32>(assigned + (usize(row3) << 2), bestLane(best3, at3))
}

/** The number beside the largest value; the smaller number where values are equal. */
function bestLane(values: v128, numbers: v128): i32 {
  let value = f32x4.extract_lane(values, 0)
  let number = i32x4.extract_lane(numbers, 0)
  for (let lane = 1; lane < 4; lane++) {
    values = v128.shuffle<f32>(values, values, 1, 2, 3, 0)
    numbers = v128.shuffle<f32>(numbers, numbers, 1, 2, 3, 0)
    const otherValue = f32x4.extract_lane(values, 0)
    const otherNumber = i32x4.extract_lane(numbers, 0)
    if (otherValue > value || (otherValue == value && otherNumber < number)) {
      value = otherValue
      number = otherNumber
    }
  }
  return number
}

/** Reads the items of the lists from .. to - 1 in their order ahead: short lists end before the processor knows that the next line is needed. */
function touchItems(index: usize, from: i32, to: i32): void {
  const order = field(index, LIST_ORDER)
  const offsets = field(index, LIST_OFFSETS)
  const itemByPosition = field(index, ITEM_BY_POSITION)
  for (let at = from; at < to; at++) {
    const list = usize(load<u32>(order + (usize(at) << 2)))
    const start = usize(load<i32>(offsets + (list << 2)))
    const end = usize(load<i32>(offsets + (list << 2), 4))
    touchRange(itemByPosition + (start << 2), itemByPosition + (end << 2))
  }
}

/** Appends those of the positions from .. to - 1 that are allowed to those collected so far. */
function collect(index: usize, from: i32, to: i32, found: i32, filter: i32): i32 {
  if (filter == BY_POSITION) return collectBits(index, from, to, found)
  return filter == BY_ITEM ? collectAllowedRange(index, from, to, found) : collectRange(index, from, to, found)
}

function collectRange(index: usize, from: i32, to: i32, found: i32): i32 {
  const positions = field(index, POSITIONS)
  for (let position = from; position < to; position++) store<i32>(positions + (usize(found++) << 2), position)
  return found
}

/** Those whose bit is set. Four are written at once, whatever is behind the last of a word: the next word's go there. */
function collectBits(index: usize, from: i32, to: i32, found: i32): i32 {
  const bits = field(index, ALLOWED_POSITIONS)
  let end = field(index, POSITIONS) + (usize(found) << 2)
  const start = end
  for (let first = from & ~63; first < to; first += 64) {
    let word = load<u64>(bits + (usize(first) >> 3))
    if (first < from) word &= u64.MAX_VALUE << u64(from - first)
    if (first + 64 > to) word &= (u64(1) << u64(to - first)) - 1
    const next = end + (usize(popcnt(word)) << 2)
    for (let at = end; at < next; at += 16) {
      store<i32>(at, first + i32(ctz(word)))
      word &= word - 1
      store<i32>(at, first + i32(ctz(word)), 4)
      word &= word - 1
      store<i32>(at, first + i32(ctz(word)), 8)
      word &= word - 1
      store<i32>(at, first + i32(ctz(word)), 12)
      word &= word - 1
    }
    end = next
  }
  return found + i32((end - start) >> 2)
}

/** The same for those whose items are allowed. Every position is written and the end moves only where it is allowed, so there is no branch to mispredict. */
function collectAllowedRange(index: usize, from: i32, to: i32, found: i32): i32 {
  const itemByPosition = field(index, ITEM_BY_POSITION)
  const allowed = field(index, ALLOWED)
  let end = field(index, POSITIONS) + (usize(found) << 2)
  const start = end
  let item = itemByPosition + (usize(from) << 2)
  let position = from
  for (; position + 4 <= to; position += 4) {
    store<i32>(end, position)
    end += bitOf(allowed, load<u32>(item)) << 2
    store<i32>(end, position + 1)
    end += bitOf(allowed, load<u32>(item, 4)) << 2
    store<i32>(end, position + 2)
    end += bitOf(allowed, load<u32>(item, 8)) << 2
    store<i32>(end, position + 3)
    end += bitOf(allowed, load<u32>(item, 12)) << 2
    item += 16
  }
  for (; position < to; position++) {
    store<i32>(end, position)
    end += bitOf(allowed, load<u32>(item)) << 2
    item += 4
  }
  return found + i32((end - start) >> 2)
}

// @ts-ignore: decorator
@inline
function bitOf(allowed: usize, item: u32): usize {
  return usize((load<u32>(allowed + (usize(item >> 5) << 2)) >> (item & 31)) & 1)
}

/** The positions of every allowed item. Many vectors are fetched faster in the order of storage, few are found faster in the order of the bits. */
function collectAllowed(index: usize, allowedCount: i32): i32 {
  const itemCount = count(index, ITEM_COUNT)
  if (allowedCount > itemCount >> 3) return collectAllowedRange(index, 0, itemCount, 0)
  const positions = field(index, POSITIONS)
  const positionByItem = field(index, POSITION_BY_ITEM)
  const allowed = field(index, ALLOWED)
  let end = positions
  for (let first = 0; first < itemCount; first += 64) {
    let word = load<u64>(allowed + (usize(first) >> 3))
    if (first + 64 > itemCount) word &= (u64(1) << u64(itemCount - first)) - 1
    // Few words have more than two bits; the first two are written without asking.
    store<i32>(end, first + i32(ctz(word)))
    end += usize(word != 0) << 2
    word &= word - 1
    store<i32>(end, first + i32(ctz(word)))
    end += usize(word != 0) << 2
    word &= word - 1
    while (word) {
      store<i32>(end, first + i32(ctz(word)))
      end += 4
      word &= word - 1
    }
  }
  for (let at = positions; at < end; at += 4) store<i32>(at, load<i32>(positionByItem + (usize(load<u32>(at)) << 2)))
  return i32((end - positions) >> 2)
}

/** Scores the `found` collected positions and writes the best k. */
function rank(index: usize, found: i32, k: i32): i32 {
  if (found == 0 || k == 0) return 0
  scorePositions(index, found)
  const keyCount = cutKeys(index, found, k)
  const sorted = sortPlaced(field(index, KEYS), field(index, SPARE_KEYS), keyCount, field(index, COUNTERS), crowd)
  const written = min(k, keyCount)
  const outItems = field(index, OUT_ITEMS)
  const outScores = field(index, OUT_SCORES)
  for (let i: usize = 0; i < usize(written); i++) {
    const key = load<u64>(sorted + (i << 3))
    store<i32>(outItems + (i << 2), i32(key))
    store<f32>(outScores + (i << 2), scoreOfKey(key))
  }
  return written
}

// Looking: positions are judged by the bounds of their scores that their codes give. Lower and upper bounds of what was looked at and kept lie
// beside the positions, in the places of the scores and of the spare keys.

/** No upper bound below this can belong to one of the best k. */
let floor: f32 = -Infinity
let queryLength: f32 = 0

/** Whether there is anything to gain from looking at about `found` items first. */
function isWorthLooking(k: i32, found: i32): bool {
  return found > CODES_FROM * k
}

/** Gets the query ready for the codes; false where there are none, or it cannot be written as one. */
function readCodes(index: usize): bool {
  const codeWidth = count(index, CODE_WIDTH)
  if (codeWidth == 0) return false
  floor = -Infinity
  queryLength = encodeQuery(
    field(index, QUERY),
    count(index, WIDTH),
    field(index, QUERY_CODES),
    codeWidth,
    field(index, QUERY_SCALE),
  )
  return queryLength > 0
}

/** Looks at some of the positions first, for a floor that most of the others do not reach. Returns how many are kept. */
function lookInParts(index: usize, found: i32, k: i32): i32 {
  // A multiple of four, or what is filled up to one would be written over the others.
  const first = min(found, 4 * k + LOOK_BLOCK)
  const kept = leaveOut(index, look(index, 0, first), k)
  if (first == found) return kept
  move(index, first, found, kept)
  return look(index, kept, kept + found - first)
}

/** Moves positions from .. to - 1 so that they follow those before `end`. */
function move(index: usize, from: i32, to: i32, end: i32): void {
  const positions = field(index, POSITIONS)
  memory.copy(positions + (usize(end) << 2), positions + (usize(from) << 2), usize(to - from) << 2)
}

/** Looks at the positions from `kept` to `found`, and keeps those whose upper bound is not below the floor. Returns how many are kept in all. */
function look(index: usize, kept: i32, found: i32): i32 {
  if (kept == found) return kept
  const positions = field(index, POSITIONS)
  const lows = field(index, SCORES)
  const highs = field(index, SPARE_KEYS)
  const start = usize(kept) << 2
  boundProducts(
    positions + start,
    padFours(positions + start, found - kept),
    field(index, CODES),
    count(index, CODE_WIDTH),
    field(index, BOUNDS),
    field(index, QUERY_CODES),
    load<f32>(field(index, QUERY_SCALE)),
    queryLength,
    lows + start,
    highs + start,
  )
  if (floor == -Infinity) return found
  return keepFrom(positions, lows, highs, kept, found)
}

/** Moves the entries from `start` on whose upper bound reaches the floor to the front, behind those before `start`. Returns how many there are. */
function keepFrom(positions: usize, lows: usize, highs: usize, start: i32, end: i32): i32 {
  const floors = f32x4.splat(floor)
  let to = usize(start) << 2
  const endByte = usize(end) << 2
  for (let first = to; first < endByte; first += 16) {
    // Most fours have none.
    if (!v128.any_true(f32x4.ge(v128.load(highs + first), floors))) continue
    for (let i = first; i < min(first + 16, endByte); i += 4) {
      const high = load<f32>(highs + i)
      store<u32>(positions + to, load<u32>(positions + i))
      store<f32>(lows + to, load<f32>(lows + i))
      store<f32>(highs + to, high)
      to += usize(high >= floor) << 2
    }
  }
  return i32(to >> 2)
}

/**
 * Raises the floor to a value that at least k lower bounds reach, and takes out what is below. The value is the smallest lower bound in the
 * bucket of the k-th one, or above. Returns how many are left, in the same order.
 */
function leaveOut(index: usize, kept: i32, k: i32): i32 {
  if (kept <= k) return kept
  const positions = field(index, POSITIONS)
  const lows = field(index, SCORES)
  const highs = field(index, SPARE_KEYS)
  const padded = padFours(lows, kept)
  const lowest = smallest(lows, padded)
  const scale = f32(CUT_BUCKETS - 1) / (largest(lows, padded) - lowest)
  if (!(scale > 0 && scale < Infinity)) return kept
  const bucket = f32x4.splat(f32(bucketOfKth(lows, kept, k, lowest, scale, field(index, COUNTERS))))
  let least = f32x4.splat(Infinity)
  for (let i: usize = 0; i < usize(padded) << 2; i += 16) {
    const low = v128.load(lows + i)
    const scaled = f32x4.mul(f32x4.sub(low, f32x4.splat(lowest)), f32x4.splat(scale))
    least = f32x4.pmin(least, v128.bitselect(low, least, f32x4.ge(scaled, bucket)))
  }
  least = f32x4.pmin(least, v128.shuffle<f32>(least, least, 2, 3, 0, 1))
  floor = max(floor, min(f32x4.extract_lane(least, 0), f32x4.extract_lane(least, 1)))
  return keepFrom(positions, lows, highs, 0, kept)
}

/** Fills the last group of four words up with the last one. Returns the padded count. */
function padFours(words: usize, wordCount: i32): i32 {
  const last = load<u32>(words + (usize(wordCount - 1) << 2))
  let padded = wordCount
  for (; padded & 3; padded++) store<u32>(words + (usize(padded) << 2), last)
  return padded
}

/** scores[i] = <q, vectors[positions[i]]>, four at a time; adding 0 turns -0 into 0, so that the two are a tie. */
function scorePositions(index: usize, found: i32): void {
  const vectors = field(index, VECTORS)
  const positions = field(index, POSITIONS)
  const scores = field(index, SCORES)
  const query = field(index, QUERY)
  const rowBytes = usize(count(index, WIDTH)) << 2
  padFours(positions, found)
  for (let i: usize = 0; i < usize(found); i += 4) {
    if ((i & (READ_AHEAD - 1)) == 0) touchRows(positions + (i << 2), min(READ_AHEAD, usize(found) - i), vectors, rowBytes)
    const x0 = vectors + usize(load<u32>(positions + (i << 2))) * rowBytes
    const x1 = vectors + usize(load<u32>(positions + (i << 2), 4)) * rowBytes
    const x2 = vectors + usize(load<u32>(positions + (i << 2), 8)) * rowBytes
    const x3 = vectors + usize(load<u32>(positions + (i << 2), 12)) * rowBytes
    let sum0 = f32x4.splat(0)
    let sum1 = f32x4.splat(0)
    let sum2 = f32x4.splat(0)
    let sum3 = f32x4.splat(0)
    for (let d: usize = 0; d < rowBytes; d += 16) {
      const q = v128.load(query + d)
      sum0 = f32x4.relaxed_madd(v128.load(x0 + d), q, sum0)
      sum1 = f32x4.relaxed_madd(v128.load(x1 + d), q, sum1)
      sum2 = f32x4.relaxed_madd(v128.load(x2 + d), q, sum2)
      sum3 = f32x4.relaxed_madd(v128.load(x3 + d), q, sum3)
    }
    const half01 = f32x4.add(v128.shuffle<f32>(sum0, sum1, 0, 4, 1, 5), v128.shuffle<f32>(sum0, sum1, 2, 6, 3, 7))
    const half23 = f32x4.add(v128.shuffle<f32>(sum2, sum3, 0, 4, 1, 5), v128.shuffle<f32>(sum2, sum3, 2, 6, 3, 7))
    const sums = f32x4.add(v128.shuffle<f32>(half01, half23, 0, 1, 4, 5), v128.shuffle<f32>(half01, half23, 2, 3, 6, 7))
    v128.store(scores + (i << 2), f32x4.add(sums, f32x4.splat(0)))
  }
}

/**
 * Sort keys of everything that may be among the best k, in order of their buckets: a histogram of the scores finds the bucket that holds the k-th
 * one, and what lies in lower buckets is left out. Returns how many keys there are, at least min(k, found).
 */
function cutKeys(index: usize, found: i32, k: i32): i32 {
  const scores = field(index, SCORES)
  const keys = field(index, KEYS)
  const positions = field(index, POSITIONS)
  const itemByPosition = field(index, ITEM_BY_POSITION)
  // The scores are padded with repetitions up to a multiple of four.
  const padded = (found + 3) & ~3
  const lowest = smallest(scores, padded)
  const highest = largest(scores, padded)
  const scale = f32(CUT_BUCKETS - 1) / (highest - lowest)
  // Equal, or absurdly close or distant scores cannot be put into buckets; all of them are kept.
  if (!(scale > 0 && scale < Infinity)) {
    for (let i: usize = 0; i < usize(found); i++) {
      const position = load<u32>(positions + (i << 2))
      store<u64>(keys + (i << 3), keyOf(load<f32>(scores + (i << 2)), load<u32>(itemByPosition + (usize(position) << 2))))
    }
    crowd = found
    return found
  }

  const counters = field(index, COUNTERS)
  const bucket = bucketOfKth(scores, found, min(k, found), lowest, scale, counters)
  crowd = startBuckets(counters, bucket)
  let keyCount = 0
  for (let i: usize = 0; i < usize(found); i++) {
    const score = load<f32>(scores + (i << 2))
    const at = bucketOf(score, lowest, scale)
    if (at < bucket) continue
    const position = load<u32>(positions + (i << 2))
    store<u64>(keys + (nextPlace(counters, at) << 3), keyOf(score, load<u32>(itemByPosition + (usize(position) << 2))))
    keyCount++
  }
  return keyCount
}

/** Keys in the fullest of the buckets that were placed last. */
let crowd: i32 = 0

/** The highest bucket such that it and those above hold at least k of the values. */
function bucketOfKth(values: usize, valueCount: i32, k: i32, lowest: f32, scale: f32, counters: usize): i32 {
  memory.fill(counters, 0, usize(CUT_BUCKETS) << 2)
  let i: usize = 0
  for (; i + 4 <= usize(valueCount); i += 4) {
    const scaled = f32x4.mul(f32x4.sub(v128.load(values + (i << 2)), f32x4.splat(lowest)), f32x4.splat(scale))
    const buckets = i32x4.shl(i32x4.trunc_sat_f32x4_s(scaled), 2)
    bump(counters + usize(i32x4.extract_lane(buckets, 0)))
    bump(counters + usize(i32x4.extract_lane(buckets, 1)))
    bump(counters + usize(i32x4.extract_lane(buckets, 2)))
    bump(counters + usize(i32x4.extract_lane(buckets, 3)))
  }
  for (; i < usize(valueCount); i++) {
    bump(counters + (usize(bucketOf(load<f32>(values + (i << 2)), lowest, scale)) << 2))
  }
  let bucket = CUT_BUCKETS
  for (let above = 0; above < k; ) above += load<i32>(counters + (usize(--bucket) << 2))
  return bucket
}

/** Of `valueCount` values, a multiple of 4. */
function smallest(values: usize, valueCount: i32): f32 {
  let least = v128.load(values)
  for (let i: usize = 16; i < usize(valueCount) << 2; i += 16) least = f32x4.pmin(least, v128.load(values + i))
  least = f32x4.pmin(least, v128.shuffle<f32>(least, least, 2, 3, 0, 1))
  return min(f32x4.extract_lane(least, 0), f32x4.extract_lane(least, 1))
}

function largest(values: usize, valueCount: i32): f32 {
  let most = v128.load(values)
  for (let i: usize = 16; i < usize(valueCount) << 2; i += 16) most = f32x4.pmax(most, v128.load(values + i))
  most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1))
  return max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1))
}

// @ts-ignore: decorator
@inline
function bucketOf(score: f32, lowest: f32, scale: f32): i32 {
  return i32((score - lowest) * scale)
}

/**
 * Writes the numbers of the lists, best first by the buckets of their scores, within one in their own order: a bucket is a five hundredth of the range,
 * which no search would notice.
 */
function orderLists(index: usize): void {
  const order = field(index, LIST_ORDER)
  const scores = field(index, LIST_SCORES)
  const counters = field(index, COUNTERS)
  const listCount = count(index, LIST_COUNT)
  const padded = padFours(scores, listCount)
  const lowest = smallest(scores, padded)
  const scale = f32(CUT_BUCKETS - 1) / (largest(scores, padded) - lowest)
  if (!(scale > 0 && scale < Infinity)) return sortLists(index)
  bucketOfKth(scores, listCount, 1, lowest, scale, counters)
  startBuckets(counters, 0)
  for (let list: usize = 0; list < usize(listCount); list++) {
    const bucket = bucketOf(load<f32>(scores + (list << 2)), lowest, scale)
    store<u32>(order + (nextPlace(counters, bucket) << 2), u32(list))
  }
}

/** For scores that cannot be put into buckets: equal, absurdly close or absurdly distant ones. */
function sortLists(index: usize): void {
  const order = field(index, LIST_ORDER)
  const scores = field(index, LIST_SCORES)
  const listCount = count(index, LIST_COUNT)
  // The place of the items' keys is free until items are ranked.
  const keys = field(index, KEYS)
  for (let list: usize = 0; list < usize(listCount); list++) store<u64>(keys + (list << 3), keyOf(load<f32>(scores + (list << 2)), u32(list)))
  const sorted = sortPlaced(keys, field(index, SPARE_KEYS), listCount, field(index, COUNTERS), listCount)
  for (let at: usize = 0; at < usize(listCount); at++) store<u32>(order + (at << 2), load<u32>(sorted + (at << 3)))
}

function quadraticForm(x: usize, matrix: usize, width: i32): f32 {
  const rowBytes = usize(width) << 2
  let sum: f32 = 0
  for (let d: usize = 0; d < usize(width); d++) sum += load<f32>(x + (d << 2)) * dot(matrix + d * rowBytes, x, width)
  return sum
}

// @ts-ignore: decorator
@inline
function field(index: usize, offset: usize): usize {
  return usize(load<u32>(index + offset))
}

// @ts-ignore: decorator
@inline
function count(index: usize, offset: usize): i32 {
  return load<i32>(index + offset)
}
