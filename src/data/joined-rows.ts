// What a join of the offline store wrote, as readings.
import { readFile } from 'node:fs/promises'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { FeatureReading, FeatureStatus, FeatureValue } from '../domain/feature.ts'

/** The reading of a feature by its name. A map has no value where a default stands in for it. */
export type JoinedRow = (name: string) => FeatureReading

/**
 * @param path what `OfflineStore.joinFeatures` wrote
 * @returns its rows in their order, all in memory: ask for some thousands at a time
 */
export async function joinedRows(path: string): Promise<JoinedRow[]> {
  const { buffer, byteOffset, byteLength } = await readFile(path)
  const file = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
  const rows = await parquetReadObjects({ file, compressors, parsers: { stringFromBytes: markedText } })
  return rows.map((row) => (name) => {
    const newest = row[`${name}__newest_ms`] as bigint | null
    return {
      status: unmarked(row[`${name}__status`] as string) as FeatureStatus,
      value: valueIn(row[name]),
      newestEventTimeMs: newest === null ? undefined : Number(newest),
    }
  })
}

/** The reader makes an object of a map, and a key "__proto__" would be lost in it. */
const MARK = '='
const decoder = new TextDecoder()
const markedText = (bytes: Uint8Array): string => MARK + decoder.decode(bytes)
const unmarked = (text: string): string => text.slice(MARK.length)

function valueIn(found: unknown): FeatureValue | undefined {
  if (found === null || found === undefined) return undefined
  if (typeof found === 'string') return unmarked(found)
  if (Array.isArray(found)) return found.map(unmarked)
  if (typeof found !== 'object') return found as FeatureValue
  return new Map(Object.entries(found as Record<string, number>).map(([key, part]) => [unmarked(key), part]))
}
