// Reading ahead. Rows at random places of large arrays are waited for one after the other while there is work between the reads; read first and worked with later, a
// dozen lines are on their way at once. The languages here have no prefetch instruction, so a number of every cache line is read and added up.

/** Somewhere to leave what was read, or the compiler would not read it. */
const readAhead = new Float64Array(1)

/** What was read, added up, so that it is not left out. */
export function haveRead(sum: number): void {
  readAhead[0] = sum
}
