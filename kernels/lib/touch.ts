// Reading ahead. Rows at random places are found one cache miss, and often one page walk, after the other while there is arithmetic between
// the reads; read first and calculated with later, a dozen of them are on their way at once. WebAssembly has no prefetch instruction, so a word
// of every cache line is loaded and added up.

const CACHE_LINE: usize = 64
/** Somewhere to leave what was read, or the compiler would not read it. */
const readAhead = memory.data(4)

/** Reads every cache line of the rows at `count` positions (int32 each). Little else is in the loops, so that many rows fit the window of the processor. */
export function touchRows(positions: usize, count: usize, rows: usize, rowBytes: usize): void {
  let sum: u32 = 0
  const end = positions + (count << 2)
  for (let byte: usize = 0; byte < rowBytes; byte += CACHE_LINE) {
    const column = rows + byte
    let at = positions
    for (; at + 16 <= end; at += 16) {
      sum += load<u32>(column + usize(load<u32>(at)) * rowBytes) + load<u32>(column + usize(load<u32>(at, 4)) * rowBytes)
      sum += load<u32>(column + usize(load<u32>(at, 8)) * rowBytes) + load<u32>(column + usize(load<u32>(at, 12)) * rowBytes)
    }
    for (; at < end; at += 4) sum += load<u32>(column + usize(load<u32>(at)) * rowBytes)
  }
  store<u32>(readAhead, sum)
}

/** Reads every cache line from `start` to before `end`. */
export function touchRange(start: usize, end: usize): void {
  let sum: u32 = 0
  for (let at = start; at < end; at += CACHE_LINE) sum += load<u32>(at)
  store<u32>(readAhead, sum)
}
