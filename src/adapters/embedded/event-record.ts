// How events lie on disk. An event is one JSON array that begins with its id; a block is many of them, separated by commas, behind a header.
import {
  type Attributes,
  availableTimeMsOf,
  type EntityName,
  type ImpressionEvent,
  type InteractionEvent,
  type LogEvent,
} from '../../domain/event.ts'
import type { StoredEvent } from '../../ports/event-log.ts'

/** Events in text form, ready for the writer: concatenated UTF-8, with the byte lengths that tell them apart. */
export interface EncodedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** For event e: [2e] bytes of the quoted id, [2e + 1] bytes of the whole record. */
  readonly lengths: Uint32Array<ArrayBuffer>
  /** What a reader has to know at least, to read all of them. */
  readonly format: number
}

/** Readers of format 1 know no impressions, and would take them for interactions. */
export const FIRST_FORMAT = 1
export const IMPRESSIONS_FORMAT = 2

type EntityChange = 'put' | 'patch' | 'delete'
type InteractionRecord = [
  id: string,
  kind: 0,
  interaction: string,
  userId: string,
  itemId: string,
  eventTimeMs: number,
  /** 1 where more follows and the event has no weight, so that a reader who knows no more is not misled. */
  weight?: number,
  /** Empty where a known time follows and the event has no values. */
  values?: Readonly<Record<string, number>>,
  knownTimeMs?: number,
]
type EntityRecord = [
  id: string,
  kind: 1,
  entity: EntityName,
  entityId: string,
  change: EntityChange,
  eventTimeMs: number,
  attributes: Attributes,
  knownTimeMs?: number,
]
/** What goes with the list, by short names: there may be millions of them. */
interface ImpressionRest {
  readonly at?: string
  readonly model?: string
  readonly rung?: string
  readonly scores?: readonly number[]
  readonly odds?: readonly number[]
  readonly rows?: string
}
type ImpressionRecord = [
  id: string,
  kind: 2,
  userId: string,
  eventTimeMs: number,
  itemIds: readonly string[],
  rest: ImpressionRest,
  knownTimeMs?: number,
]

export function encodeBatch(events: readonly LogEvent[]): EncodedBatch {
  const lengths = new Uint32Array(events.length * 2)
  // Not from the shared pool, so that it can be handed to another thread without a copy.
  let bytes = Buffer.allocUnsafeSlow(events.length * 128 + 1024)
  let position = 0
  let format = FIRST_FORMAT
  for (let e = 0; e < events.length; e++) {
    const event = events[e]!
    if (event.kind === 'impression') format = IMPRESSIONS_FORMAT
    const quotedId = JSON.stringify(event.id)
    const record = `[${quotedId},${recordRest(event)}]`
    // A UTF-16 unit takes at most three bytes of UTF-8.
    if (position + record.length * 3 > bytes.length) bytes = grown(bytes, position, record.length * 3)
    lengths[2 * e] = Buffer.byteLength(quotedId)
    const recordBytes = bytes.write(record, position, 'utf8')
    lengths[2 * e + 1] = recordBytes
    position += recordBytes
  }
  return { bytes: bytes.subarray(0, position), lengths, format }
}

function recordRest(event: LogEvent): string {
  if (event.kind === 'entity') {
    const place = `1,"${event.entity}",${JSON.stringify(event.entityId)},"${event.change}"`
    const known = event.knownTimeMs === undefined ? '' : `,${event.knownTimeMs}`
    return `${place},${event.eventTimeMs},${JSON.stringify(event.attributes)}${known}`
  }
  if (event.kind === 'impression') return impressionRest(event)
  const place = `0,${JSON.stringify(event.interaction)},${JSON.stringify(event.userId)},${JSON.stringify(event.itemId)}`
  const { eventTimeMs, weight, values, knownTimeMs } = event
  if (knownTimeMs !== undefined)
    return `${place},${eventTimeMs},${weight ?? 1},${JSON.stringify(values ?? {})},${knownTimeMs}`
  if (values !== undefined) return `${place},${eventTimeMs},${weight ?? 1},${JSON.stringify(values)}`
  return weight === undefined ? `${place},${eventTimeMs}` : `${place},${eventTimeMs},${weight}`
}

function impressionRest(event: ImpressionEvent): string {
  const { userId, eventTimeMs, itemIds, knownTimeMs } = event
  const { placement: at, modelVersion: model, rung, scores, propensities: odds, served: rows } = event
  // What is undefined is left out.
  const rest: { [Name in keyof ImpressionRest]: ImpressionRest[Name] | undefined } = {
    at,
    model,
    rung,
    scores,
    odds,
    rows,
  }
  const known = knownTimeMs === undefined ? '' : `,${knownTimeMs}`
  return `2,${JSON.stringify(userId)},${eventTimeMs},${JSON.stringify(itemIds)},${JSON.stringify(rest)}${known}`
}

function grown(bytes: Buffer<ArrayBuffer>, used: number, needed: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(Math.max(bytes.length * 2, used + needed))
  bytes.copy(larger, 0, 0, used)
  return larger
}

/** When the log took them (float64), number of events (uint32), then the records. Little-endian. */
const HEADER_BYTES = 12

export function encodeBlock(records: readonly Uint8Array[], appendedTimeMs: number): Buffer {
  let size = HEADER_BYTES + records.length - 1
  for (const record of records) size += record.length
  const block = Buffer.allocUnsafe(size)
  block.writeDoubleLE(appendedTimeMs, 0)
  block.writeUInt32LE(records.length, 8)
  let position = HEADER_BYTES
  for (const record of records) {
    if (position > HEADER_BYTES) block[position++] = COMMA
    block.set(record, position)
    position += record.length
  }
  return block
}

const COMMA = 0x2c

export const blockEventCount = (block: Buffer): number => block.readUInt32LE(8)

export const blockAppendedTimeMs = (block: Buffer): number => block.readDoubleLE(0)

/** All events of a block whose first event has this offset. */
export function decodeBlock(block: Buffer, firstOffset: number): StoredEvent[] {
  const appendedTimeMs = blockAppendedTimeMs(block)
  const records = JSON.parse(`[${block.toString('utf8', HEADER_BYTES)}]`) as EventRecord[]
  return records.map((record, position) => {
    const event = toEvent(record)
    const availableTimeMs = availableTimeMsOf(event, appendedTimeMs)
    const offset = firstOffset + position
    return availableTimeMs === appendedTimeMs
      ? { offset, availableTimeMs, event }
      : { offset, availableTimeMs, appendedTimeMs, event }
  })
}

type EventRecord = InteractionRecord | EntityRecord | ImpressionRecord

function toEvent(record: EventRecord): LogEvent {
  if (record[1] === 2) return toImpression(record)
  if (record[1] === 1) {
    const [id, , entity, entityId, change, eventTimeMs, attributes, knownTimeMs] = record
    const event = { kind: 'entity', id, entity, entityId, change, attributes, eventTimeMs } as const
    return knownTimeMs === undefined ? event : { ...event, knownTimeMs }
  }
  const [id, , interaction, userId, itemId, eventTimeMs, weight, values, knownTimeMs] = record
  // Built up in place: copies of hundreds of thousands of events are a third of what reading them costs.
  const event: Writable<InteractionEvent> = { kind: 'interaction', id, interaction, userId, itemId, eventTimeMs }
  if (knownTimeMs !== undefined) event.knownTimeMs = knownTimeMs
  // A 1 that stands before something else stands for no weight.
  if (weight !== undefined && (weight !== 1 || values === undefined)) event.weight = weight
  if (values !== undefined && !(knownTimeMs !== undefined && isEmpty(values))) event.values = values
  return event
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

function isEmpty(values: Readonly<Record<string, number>>): boolean {
  for (const _ in values) return false
  return true
}

function toImpression([id, , userId, eventTimeMs, itemIds, rest, knownTimeMs]: ImpressionRecord): ImpressionEvent {
  const { at, model, rung, scores, odds, rows } = rest
  return {
    kind: 'impression',
    id,
    userId,
    itemIds,
    eventTimeMs,
    ...(at !== undefined && { placement: at }),
    ...(model !== undefined && { modelVersion: model }),
    ...(rung !== undefined && { rung }),
    ...(scores !== undefined && { scores }),
    ...(odds !== undefined && { propensities: odds }),
    ...(rows !== undefined && { served: rows }),
    ...(knownTimeMs !== undefined && { knownTimeMs }),
  }
}
