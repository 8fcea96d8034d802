// Records of answers as bytes that a store can keep: a head in JSON, then arrays of numbers as they lie in memory (little-endian, as on every machine that runs this).
import { jsonText } from '../lib/json-text.ts'
import type { AnswerRecord } from './answer-record.ts'

/** Raised when an older Millrace could no longer read what this one writes. */
const FORMAT = 1
const HEAD_LENGTH_BYTES = 4

interface Head {
  readonly format: number
  readonly record: Omit<AnswerRecord, 'served' | 'candidates'>
  /** Numbers in each array that follows; left out where the record has none. */
  readonly servedLength?: number
  readonly candidateCount?: number
  readonly rowsLength?: number
}

/** The bytes of several records, one after another in a single piece of memory. */
export interface EncodedAnswerRecords {
  readonly bytes: Buffer
  /** Of each record, in bytes. */
  readonly lengths: readonly number[]
}

export function encodedAnswerRecords(records: readonly AnswerRecord[]): EncodedAnswerRecords {
  const parts = records.map(partsOf)
  const lengths = parts.map(
    ({ textLength, arrays }) =>
      HEAD_LENGTH_BYTES + textLength + arrays.reduce((sum, array) => sum + (array?.byteLength ?? 0), 0),
  )
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, 0))
  let at = 0
  for (const { text, textLength, arrays } of parts) {
    at = bytes.writeUInt32LE(textLength, at)
    at += bytes.write(text, at)
    for (const array of arrays) {
      if (array === undefined) continue
      bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at)
      at += array.byteLength
    }
  }
  return { bytes, lengths }
}

function partsOf({ served, candidates, response, ...others }: AnswerRecord) {
  const lengths = {
    servedLength: served?.length,
    candidateCount: candidates?.itemIndexes.length,
    rowsLength: candidates?.rows.length,
  }
  // A `Head` in two pieces: the text of the answer, which went out as such, is not made once more.
  const text = `{"format":${FORMAT},"record":{"response":${jsonText(response)},${inside(others)}}${served === undefined && candidates === undefined ? '' : `,${inside(lengths)}`}}`
  const arrays = [candidates?.scores, candidates?.itemIndexes, candidates?.rows, served]
  return { text, textLength: Buffer.byteLength(text), arrays }
}

/** The fields of an object that has some, in JSON. */
const inside = (fields: object): string => JSON.stringify(fields).slice(1, -1)

/** @returns undefined where a newer Millrace wrote it */
export function decodedAnswerRecord(bytes: Uint8Array): AnswerRecord | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const end = HEAD_LENGTH_BYTES + buffer.readUInt32LE(0)
  const head = JSON.parse(buffer.toString('utf8', HEAD_LENGTH_BYTES, end)) as Head
  if (head.format !== FORMAT) return undefined
  // A copy begins where every kind of array may.
  const numbers = new Uint8Array(buffer.subarray(end)).buffer
  const { record, servedLength, candidateCount, rowsLength } = head
  let at = 0
  const take = <A>(
    Kind: new (buffer: ArrayBuffer, at: number, length: number) => A,
    length: number,
    size: number,
  ): A => {
    const array = new Kind(numbers, at, length)
    at += length * size
    return array
  }
  const candidates =
    candidateCount === undefined
      ? undefined
      : {
          scores: take(Float64Array, candidateCount, 8),
          itemIndexes: take(Int32Array, candidateCount, 4),
          rows: take(Float32Array, rowsLength!, 4),
        }
  const served = servedLength === undefined ? undefined : take(Float32Array, servedLength, 4)
  return { ...record, ...(candidates && { candidates }), ...(served && { served }) }
}
