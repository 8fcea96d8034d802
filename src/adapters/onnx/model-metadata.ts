// What an ONNX file says of itself beside its graph: onnxruntime runs it, and does not tell.
import type { ColumnsOfModel } from '../../domain/imported-columns.ts'

/**
 * The entries `feature_names` and `categories` of the file's metadata, as `onnxModelOf` writes them, both JSON. What is not there, or is written otherwise, is left out.
 * @param file bytes that onnxruntime has read
 */
export function columnsInMetadata(file: Uint8Array): Partial<ColumnsOfModel> {
  const metadata = new Map<string, string>()
  for (const [field, entry] of delimitedFields(file)) {
    if (field !== MODEL_METADATA) continue
    const parts = new Map([...delimitedFields(entry)].map(([part, bytes]) => [part, new TextDecoder().decode(bytes)]))
    metadata.set(parts.get(ENTRY.key) ?? '', parts.get(ENTRY.value) ?? '')
  }
  const featureNames = parsed(metadata.get('feature_names'))
  const categories = parsed(metadata.get('categories'))
  return {
    ...(isTexts(featureNames) && { featureNames }),
    ...(isRecordOfTexts(categories) && { categories }),
  }
}

// Numbers of fields, from onnx.proto.
const MODEL_METADATA = 14
const ENTRY = { key: 1, value: 2 }

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((text) => typeof text === 'string')

const isRecordOfTexts = (value: unknown): value is Readonly<Record<string, readonly string[]>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isTexts)

function parsed(json: string | undefined): unknown {
  try {
    return json === undefined ? undefined : JSON.parse(json)
  } catch {
    // An entry of the same name with another meaning.
    return undefined
  }
}

/** The texts, bytes and messages at the top of a message, unread; numbers are passed over (protobuf.dev/programming-guides/encoding). */
function* delimitedFields(message: Uint8Array): Generator<readonly [field: number, bytes: Uint8Array]> {
  let at = 0
  // Sizes beyond 2^31 are no concern: onnxruntime refuses such files.
  const varint = (): number => {
    let value = 0
    for (let scale = 1; at < message.length; scale *= 128) {
      const byte = message[at++]!
      value += (byte & 127) * scale
      if (byte < 128) break
    }
    return value
  }
  while (at < message.length) {
    const tag = varint()
    const wireType = tag % 8
    if (wireType === WIRE.varint) varint()
    else if (wireType === WIRE.delimited) {
      const size = varint()
      yield [Math.floor(tag / 8), message.subarray(at, at + size)]
      at += size
    } else if (wireType === WIRE.fixed64) at += 8
    else if (wireType === WIRE.fixed32) at += 4
    else return
  }
}

const WIRE = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 }
