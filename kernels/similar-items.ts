// Sums over rows of a table of similar items: what each item of a history says of the items like it, added up item by item, and the best of the sums.
//
//   sum(j) = sum over the history's items i, in their order, of weight(i) * similarity(i, j), for every allowed j in some row
//
// A part is multiplied and added in float64 and kept in float32, one after the other as they come: vectors would add in another order.
//
// The arithmetic is a fraction of the cost; what counts is waiting, for memory and for guesses that fail. So all rows are asked of memory before any is worked with, and which
// parts are allowed, or whose sum is new, moves an address instead of deciding a branch. Sums lie in a small hash table, which stays in the nearest caches.
import { bump, CUT_BUCKETS, keyOf, nextPlace, scoreOfKey, sortPlaced, startBuckets } from './lib/best-keys'
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
  /** Scratch, 8 bytes a slot: twice as many as there are different items at most, the next power of two and 64 at least. */
  slots: usize
  /** Scratch, 4, 8 and 8 bytes a different item. */
  foundSlots: usize
  keys: usize
  spareKeys: usize
  /** The answer, int32 and float32 each. */
  outItems: usize
  outScores: usize
}

/** Of 2^32, the golden section, as in src/lib/sparse-table.ts. */
const SPREAD: u32 = 0x9e3779b1
const SLOT_COUNT_MIN: usize = 64

/** How far a number is shifted to the right for its slot; and the last slot. */
let slotShift: u32 = 0
let lastSlot: u32 = 0

/** The k largest sums over the rows of `historyCount` items, largest first, ties by the smaller item. Returns how many were written. */
export function bestSums(task: Task, historyCount: i32, k: i32): i32 {
  touchRows(task, historyCount)
  const partCount = collect(task, historyCount)
  touchParts(task, partCount)
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

/** Somewhere to leave what was read, or the compiler would not read it. */
const readAhead = memory.data(4)

/** Reads the parts' similarities ahead. */
function touchParts(task: Task, partCount: usize): void {
  const end = task.parts + (partCount << 2)
  let sum: u32 = 0
  for (let at = task.parts; at < end; at += 4) sum += load<u32>(task.similarities + usize(load<u32>(at)))
  store<u32>(readAhead, sum)
}

/** Adds the parts up; returns how many different items they are of. A slot holds the item and 1, so that 0 is an empty one, then the sum. */
function addUp(task: Task, historyCount: i32, partCount: usize): i32 {
  const indexes = task.indexes
  const similarities = task.similarities
  const slots = task.slots
  openSlots(slots, min(partCount, usize(task.itemCount)))
  const shift = slotShift
  let found = task.foundSlots
  let at = task.parts
  for (let h = 0; h < historyCount; h++) {
    const weight = load<f64>(task.historyWeights + (usize(h) << 3))
    const end = usize(word(task.partEnds, h))
    for (; at < end; at += 4) {
      const part = usize(load<u32>(at))
      const name = load<u32>(indexes + part) + 1
      let slot = slots + (((name * SPREAD) >> shift) << 3)
      let there = load<u32>(slot)
      // One branch, seldom taken: whether an item has a sum already is as hard to guess as what a coin shows.
      if (i32(there != name) & i32(there != 0)) {
        slot = slotOf(slots, name)
        there = load<u32>(slot)
      }
      store<u32>(slot, name)
      store<f32>(slot, f32(f64(load<f32>(slot, 4)) + weight * f64(load<f32>(similarities + part))), 4)
      store<u32>(found, u32(slot))
      found += usize(there == 0) << 2
    }
  }
  return i32((found - task.foundSlots) >> 2)
}

/** Half of the slots stay free, so that most items lie where they are looked for. */
function openSlots(slots: usize, countMax: usize): void {
  let slotCount = SLOT_COUNT_MIN
  while (slotCount < 2 * countMax) slotCount <<= 1
  memory.fill(slots, 0, slotCount << 3)
  lastSlot = u32(slotCount) - 1
  slotShift = 32 - ctz(u32(slotCount))
}

/** The slot that has this name, else the one that is to have it. */
function slotOf(slots: usize, name: u32): usize {
  let number = (name * SPREAD) >> slotShift
  let there = load<u32>(slots + (usize(number) << 3))
  while (there != name && there != 0) {
    number = (number + 1) & lastSlot
    there = load<u32>(slots + (usize(number) << 3))
  }
  return slots + (usize(number) << 3)
}

/** Sorts the k best of `found` sums, which are at least as many. */
function writeBest(task: Task, found: i32, k: i32): i32 {
  const counters = task.counters
  const end = task.keys + (usize(found) << 3)
  let least: u32 = u32.MAX_VALUE
  let most: u32 = 0
  let from = task.foundSlots
  for (let key = task.keys; key < end; key += 8) {
    const slot = usize(load<u32>(from))
    from += 4
    // Adding 0 turns -0 into 0, so that the two are a tie.
    const here = keyOf(load<f32>(slot, 4) + 0, load<u32>(slot) - 1)
    store<u64>(key, here)
    least = min(least, u32(here >> 32))
    most = max(most, u32(here >> 32))
  }

  // Keys are in the order of their scores' bits: buckets are as wide as a share of the scores, and any range of them fits.
  const range = most - least
  const shift = range < u32(CUT_BUCKETS) ? 0 : 32 - clz(range) - ctz(CUT_BUCKETS)
  memory.fill(counters, 0, usize(CUT_BUCKETS) << 2)
  for (let key = task.keys; key < end; key += 8) bump(counters + (usize(bucketOf(load<u32>(key, 4), least, shift)) << 2))
  let bucket = CUT_BUCKETS
  for (let above = 0; above < k; ) above += word(counters, --bucket)
  const crowd = startBuckets(counters, bucket)
  let keyCount = 0
  for (let key = task.keys; key < end; key += 8) {
    const at = bucketOf(load<u32>(key, 4), least, shift)
    if (at < bucket) continue
    store<u64>(nextPlace(task.spareKeys, counters, at), load<u64>(key))
    keyCount++
  }
  writeOut(task, sortPlaced(task.spareKeys, task.keys, keyCount, counters, crowd), k)
  return k
}

// @ts-ignore: decorator
@inline
function bucketOf(upper: u32, least: u32, shift: u32): i32 {
  return CUT_BUCKETS - 1 - i32((upper - least) >> shift)
}

function writeOut(task: Task, sorted: usize, k: i32): void {
  for (let i: usize = 0; i < usize(k); i++) {
    const key = load<u64>(sorted + (i << 3))
    let score = scoreOfKey(key)
    // Its key has lost the sign of a 0.
    if (score == 0) score = load<f32>(slotOf(task.slots, u32(key) + 1), 4)
    store<u32>(task.outItems + (i << 2), u32(key))
    store<f32>(task.outScores + (i << 2), score)
  }
}

// @ts-ignore: decorator
@inline
function word(base: usize, index: i32): i32 {
  return load<i32>(base + (usize(index) << 2))
}
