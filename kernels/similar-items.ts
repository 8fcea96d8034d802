// Sums over rows of a table of similar items: what each item of a history says of the items like it, added up item by item, and the best of the sums.
//
//   sum(j) = sum over the history's items i, in their order, of weight(i) * similarity(i, j), for every allowed j in some row
//
// A part is multiplied and added in float64 and kept in float32, one after the other as they come: vectors would add in another order.
//
// The arithmetic is a fraction of the cost; what counts is waiting, for memory and for guesses that fail. So all rows are asked of memory before any is worked with, and which
// parts are allowed, or whose sum is new, moves an address instead of deciding a branch. Sums lie in a small hash table, which stays in the nearest caches.
import { bump, CUT_BUCKETS, nextPlace, scoreOfKey, sortPlaced, startBuckets } from './lib/best-keys'
import { touchRange } from './lib/touch'

/** What the host lays out, field by field: see src/kernels/similar-items.ts. */
@unmanaged
class Task {
  itemCount: i32
  /** The table in compressed rows: itemCount + 1 int32, then int32 and float32 a pair. */
  offsets: usize
  indexes: usize
  similarities: usize
  /** Bit set by item, in whole words of 32. */
  allowed: usize
  /** Scratch, 1024 counters. */
  counters: usize
  /** The history: int32 and float64 an entry. */
  historyItems: usize
  historyWeights: usize
  /** Scratch, 4 bytes an entry: where its parts end. */
  partEnds: usize
  /** Scratch, 4 bytes a part. */
  parts: usize
  /** Scratch, 4 bytes a slot: four times as many as there are different items at most, the next power of two and 64 at least. */
  slots: usize
  /** Scratch, 8 bytes a different item each, and 16 to spare. */
  sums: usize
  keys: usize
  /** The answer, int32 and float32 each. */
  outItems: usize
  outScores: usize
}

/** Of 2^32, the golden section, as in src/lib/sparse-table.ts. */
const SPREAD: u32 = 0x9e3779b1
const SLOT_COUNT_MIN: usize = 64
/** Of 16 pairs, which fill a cache line. */
const PARTS_A_LINE_SHIFT: usize = 4
/** Somewhere to leave what was read, or the compiler would not read it. */
const readAhead = memory.data(4)

/** How far a number is shifted to the right for its slot; and the last slot. */
let slotShift: u32 = 0
let lastSlot: u32 = 0

/** The k largest sums over the rows of `historyCount` items, largest first, ties by the smaller item. Returns how many were written. */
export function bestSums(task: Task, historyCount: i32, k: i32): i32 {
  touchRows(task, historyCount)
  const partCount = collect(task, historyCount)
  touchSimilarities(task, historyCount)
  const found = addUp(task, historyCount, partCount)
  return found == 0 || k <= 0 ? 0 : writeBest(task, found, min(k, found))
}

/** Reads which items the rows hold ahead. */
function touchRows(task: Task, historyCount: i32): void {
  for (let h = 0; h < historyCount; h++) {
    const item = word(task.historyItems, h)
    touchRange(task.indexes + (usize(word(task.offsets, item)) << 2), task.indexes + (usize(word(task.offsets, item + 1)) << 2))
  }
}

/** Writes the parts of allowed items, as bytes from the start of the table, row after row. Returns how many there are. */
function collect(task: Task, historyCount: i32): usize {
  const indexes = task.indexes
  const allowed = task.allowed
  let to = task.parts
  for (let h = 0; h < historyCount; h++) {
    const row = task.offsets + (usize(word(task.historyItems, h)) << 2)
    const end = usize(load<u32>(row, 4)) << 2
    for (let part = usize(load<u32>(row)) << 2; part < end; part += 4) {
      const item = load<u32>(indexes + part)
      // Written anyway, and counted where it is allowed: a filter lets every second one through, which no processor foresees.
      store<u32>(to, u32(part))
      to += usize((load<u32>(allowed + ((item >> 5) << 2)) >> (item & 31)) & 1) << 2
    }
    store<u32>(task.partEnds + (usize(h) << 2), u32(to))
  }
  return (to - task.parts) >> 2
}

/** Reads the parts' similarities ahead: whole rows, or single parts where few are allowed. */
function touchSimilarities(task: Task, historyCount: i32): void {
  let from = task.parts
  let sum: u32 = 0
  for (let h = 0; h < historyCount; h++) {
    const row = task.offsets + (usize(word(task.historyItems, h)) << 2)
    const start = usize(load<u32>(row)) << 2
    const end = usize(load<u32>(row, 4)) << 2
    const partsEnd = usize(word(task.partEnds, h))
    if ((partsEnd - from) << PARTS_A_LINE_SHIFT > end - start) touchRange(task.similarities + start, task.similarities + end)
    else for (let at = from; at < partsEnd; at += 4) sum += load<u32>(task.similarities + usize(load<u32>(at)))
    from = partsEnd
  }
  store<u32>(readAhead, sum)
}

/**
 * Adds the parts up; returns of how many different items they are. Each has a pair in `sums`, in the order in which they came: its name, which is twice the item, and the sum. A slot holds
 * the address of a pair; 0 is an empty one.
 */
function addUp(task: Task, historyCount: i32, partCount: usize): i32 {
  const indexes = task.indexes
  const similarities = task.similarities
  const slots = task.slots
  openSlots(slots, min(partCount, usize(task.itemCount)))
  const shift = slotShift
  let end = task.sums
  let at = task.parts
  for (let h = 0; h < historyCount; h++) {
    const weight = load<f64>(task.historyWeights + (usize(h) << 3))
    const partsEnd = usize(word(task.partEnds, h))
    for (; at < partsEnd; at += 4) {
      const part = usize(load<u32>(at))
      const name = load<u32>(indexes + part) << 1
      // A pair for the item, of a sum of 0, whether it has one already or not: that is as hard to guess as what a coin shows.
      store<u64>(end, u64(name))
      let slot = slots + (((name * SPREAD) >> shift) << 2)
      let there = usize(load<u32>(slot))
      let sum = there == 0 ? end : there
      // The one branch is seldom taken.
      if (load<u32>(sum) != name) {
        slot = nextSlotOf(slots, name)
        there = usize(load<u32>(slot))
        sum = there == 0 ? end : there
      }
      store<u32>(slot, u32(sum))
      store<f32>(sum, f32(f64(load<f32>(sum, 4)) + weight * f64(load<f32>(similarities + part))), 4)
      end += usize(there == 0) << 3
    }
  }
  return i32((end - task.sums) >> 3)
}

/** Three of four slots stay free, so that nearly all items lie where they are looked for: half of them free takes a sixth longer. */
function openSlots(slots: usize, countMax: usize): void {
  let slotCount = SLOT_COUNT_MIN
  while (slotCount < 4 * countMax) slotCount <<= 1
  memory.fill(slots, 0, slotCount << 2)
  lastSlot = u32(slotCount) - 1
  slotShift = 32 - ctz(u32(slotCount))
}

/** The slot of this name, or the one that is to be, where the first one is another's. */
function nextSlotOf(slots: usize, name: u32): usize {
  let slot: usize
  let there: usize
  let number = (name * SPREAD) >> slotShift
  do {
    number = (number + 1) & lastSlot
    slot = slots + (usize(number) << 2)
    there = usize(load<u32>(slot))
  } while (there != 0 && load<u32>(there) != name)
  return slot
}

/** Sorts the k best of `found` sums, which are at least as many. */
function writeBest(task: Task, found: i32, k: i32): i32 {
  const counters = task.counters
  const spare = task.sums
  const keys = task.keys
  const range = makeKeys(task.sums, found, keys)
  let least = u32(range)
  let most = u32(range >> 32)
  // First what is needed, by wide buckets, then its places, by buckets as narrow as it allows.
  let shift = widthOf(least, most)
  countBuckets(keys, found, least, shift, counters)
  let bucket = CUT_BUCKETS
  for (let above = 0; above < k; ) above += word(counters, --bucket)
  most = u32(min(u64(most), u64(least) + (u64(CUT_BUCKETS - bucket) << shift) - 1))
  const kept = keepTo(keys, found, most, spare)
  shift = widthOf(least, most)
  countBuckets(spare, kept, least, shift, counters)
  const crowd = startBuckets(counters, 0)
  for (let i: usize = 0; i < usize(kept); i++) {
    const key = load<u64>(spare + (i << 3))
    store<u64>(keys + (nextPlace(counters, bucketOf(u32(key >> 32), least, shift)) << 3), key)
  }
  writeOut(task, sortPlaced(keys, spare, kept, counters, crowd), k)
  return k
}

/**
 * Keys as `keyOf` makes them of items that a memory can hold, two at once: the upper halves from the sums, the lower ones from the names, which have a bit to spare for whether a 0 is -0. Adding 0 makes these two
 * a tie. Returns the least upper half and, above it, the greatest.
 */
function makeKeys(sums: usize, found: i32, keys: usize): u64 {
  const end = usize(found) << 3
  // A second pair at the end is a repetition.
  store<u64>(sums + end, load<u64>(sums + end - 8))
  const signs = i32x4.splat(i32.MIN_VALUE)
  const others = i64x2.splat(0x7fffffff00000000)
  let least = i32x4.splat(-1)
  let most = i32x4.splat(0)
  for (let at: usize = 0; at < end; at += 16) {
    const pair = v128.load(sums + at)
    const isNegativeZero = i64x2.shr_u(i32x4.eq(pair, signs), 63)
    const sum = f32x4.add(pair, f32x4.splat(0))
    const key = v128.or(v128.xor(sum, v128.andnot(others, i32x4.shr_s(sum, 31))), isNegativeZero)
    v128.store(keys + at, key)
    least = i32x4.min_u(least, key)
    most = i32x4.max_u(most, key)
  }
  const leastUpper = min(u32(i32x4.extract_lane(least, 1)), u32(i32x4.extract_lane(least, 3)))
  const mostUpper = max(u32(i32x4.extract_lane(most, 1)), u32(i32x4.extract_lane(most, 3)))
  return (u64(mostUpper) << 32) | u64(leastUpper)
}

/** Buckets are as wide as this power of two of the scores' bits, which are in the scores' order: so any range of scores fits, and what is narrow is a share of a score. */
function widthOf(least: u32, most: u32): u32 {
  const range = most - least
  return range < u32(CUT_BUCKETS) ? 0 : u32(32 - clz(range) - ctz(CUT_BUCKETS))
}

// @ts-ignore: decorator
@inline
function bucketOf(upper: u32, least: u32, shift: u32): i32 {
  return CUT_BUCKETS - 1 - i32((upper - least) >> shift)
}

function countBuckets(keys: usize, keyCount: i32, least: u32, shift: u32, counters: usize): void {
  memory.fill(counters, 0, usize(CUT_BUCKETS) << 2)
  const end = keys + (usize(keyCount) << 3)
  for (let at = keys; at < end; at += 8) bump(counters + (usize(bucketOf(load<u32>(at, 4), least, shift)) << 2))
}

/** Copies the keys with an upper half up to `most`; returns how many. */
function keepTo(keys: usize, keyCount: i32, most: u32, out: usize): i32 {
  let to = out
  const end = keys + (usize(keyCount) << 3)
  for (let at = keys; at < end; at += 8) {
    store<u64>(to, load<u64>(at))
    to += usize(load<u32>(at, 4) <= most) << 3
  }
  return i32((to - out) >> 3)
}

function writeOut(task: Task, sorted: usize, k: i32): void {
  for (let i: usize = 0; i < usize(k); i++) {
    const key = load<u64>(sorted + (i << 3))
    store<u32>(task.outItems + (i << 2), u32(key) >> 1)
    store<f32>(task.outScores + (i << 2), key & 1 ? f32(-0.0) : scoreOfKey(key))
  }
}

// @ts-ignore: decorator
@inline
function word(base: usize, index: i32): i32 {
  return load<i32>(base + (usize(index) << 2))
}
