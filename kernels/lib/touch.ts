// Reading ahead. Rows at random places are found one cache miss, and often one page walk, after the other while there is arithmetic between
// the reads; read first and calculated with later, a dozen of them are on their way at once. WebAssembly has no prefetch instruction, so a word
// of every cache line is loaded and added up.

const CACHE_LINE: usize = 64
/** Somewhere to leave what was read, or the compiler would not read it. */
const readAhead = memory.data(4)

/** Reads every cache line of the rows at `count` positions (int32 each). */
export function touchRows(positions: usize, count: usize, rows: usize, rowBytes: usize): void {
  let sum: u32 = 0
  for (let i: usize = 0; i < count << 2; i += 4) {
    const row = rows + usize(load<u32>(positions + i)) * rowBytes
    for (let byte: usize = 0; byte < rowBytes; byte += CACHE_LINE) sum += load<u32>(row + byte)
  }
  store<u32>(readAhead, sum)
}
