// Sorting columns of float32 by radix: three passes of 11 bits over keys whose order as whole numbers is that of the values.
import { take } from './tree-task'

const RADIX: usize = 2048

/**
 * Sorts each column, ascending, NaN last.
 * @param values  `columnCount` columns of `rowCount` float32
 * @param scratch one thread's own: 4 x rowCount + 24,576 bytes
 */
export function sortColumns(values: usize, columnCount: i32, rowCount: i32, counter: usize, scratch: usize): void {
  for (;;) {
    const column = take(counter)
    if (column >= columnCount) return
    sortColumn(values + (usize(column) * usize(rowCount) << 2), usize(rowCount), scratch)
  }
}

function sortColumn(values: usize, count: usize, scratch: usize): void {
  const counts = scratch
  const other = scratch + RADIX * 12
  memory.fill(counts, 0, RADIX * 12)
  for (let i: usize = 0; i < count; i++) {
    const at = values + (i << 2)
    const key = keyOf(load<f32>(at))
    store<u32>(at, key)
    increase(counts, key & 2047)
    increase(counts + RADIX * 4, (key >> 11) & 2047)
    increase(counts + RADIX * 8, key >> 22)
  }
  for (let pass: usize = 0; pass < 3; pass++) countsToPlaces(counts + pass * RADIX * 4)
  scatter(values, other, count, counts, 0)
  scatter(other, values, count, counts + RADIX * 4, 11)
  scatter(values, other, count, counts + RADIX * 8, 22)
  for (let i: usize = 0; i < count; i++) store<f32>(values + (i << 2), valueOf(load<u32>(other + (i << 2))))
}

/** Sign bit turned for numbers from 0, all bits for those below; every NaN is the largest key. */
// @ts-ignore: decorator
@inline
function keyOf(value: f32): u32 {
  if (value != value) return u32.MAX_VALUE
  const bits = reinterpret<u32>(value)
  return bits ^ (u32(i32(bits) >> 31) | 0x80000000)
}

// @ts-ignore: decorator
@inline
function valueOf(key: u32): f32 {
  return reinterpret<f32>(key ^ (u32(i32(~key) >> 31) | 0x80000000))
}

// @ts-ignore: decorator
@inline
function increase(counts: usize, digit: u32): void {
  const at = counts + (usize(digit) << 2)
  store<u32>(at, load<u32>(at) + 1)
}

function countsToPlaces(counts: usize): void {
  let place: u32 = 0
  for (let digit: usize = 0; digit < RADIX; digit++) {
    const count = load<u32>(counts + (digit << 2))
    store<u32>(counts + (digit << 2), place)
    place += count
  }
}

function scatter(from: usize, to: usize, count: usize, places: usize, shift: u32): void {
  for (let i: usize = 0; i < count; i++) {
    const key = load<u32>(from + (i << 2))
    const at = places + (usize((key >> shift) & 2047) << 2)
    const place = load<u32>(at)
    store<u32>(at, place + 1)
    store<u32>(to + (usize(place) << 2), key)
  }
}
