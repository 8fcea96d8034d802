// What stands beside the records of a segment: a line for each append, with which it counts. A line that was cut short ends the segment.

export interface AnswerHead {
  /** Where its first record begins in the file of records, in bytes; the others follow. */
  readonly start: number
  readonly requestIds: readonly string[]
  /** Of each record, in bytes. */
  readonly lengths: readonly number[]
  /** CRC-32 of each record's bytes: a crash of the machine may leave a line whose records never reached the disk. */
  readonly checksums: readonly number[]
  /** When the newest of them was asked for. */
  readonly newestMs: number
}

const LINE_END = 0x0a

export const lineOfHead = (head: AnswerHead): string => `${JSON.stringify(head)}\n`

/** The heads of all whole lines, and how many bytes these take. */
export function headsIn(bytes: Buffer): { readonly heads: readonly AnswerHead[]; readonly byteCount: number } {
  const byteCount = bytes.lastIndexOf(LINE_END) + 1
  const lines = bytes.toString('utf8', 0, byteCount).split('\n')
  return { heads: lines.flatMap((line) => headOf(line) ?? []), byteCount }
}

function headOf(line: string): AnswerHead | undefined {
  if (line === '') return undefined
  try {
    return JSON.parse(line) as AnswerHead
  } catch {
    // Zeros, as a crash of the machine leaves them.
    return undefined
  }
}
