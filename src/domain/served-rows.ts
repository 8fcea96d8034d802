// The rows of a ranker as they were served, as text that a log can keep: float32, little-endian, row after row, in base64. NaN, a missing value, stays NaN.

const BYTES = Float32Array.BYTES_PER_ELEMENT

/** @param rows items x columns, row-major */
export function encodedServedRows(rows: Float32Array): string {
  const bytes = Buffer.allocUnsafe(rows.length * BYTES)
  for (let i = 0; i < rows.length; i++) bytes.writeFloatLE(rows[i]!, i * BYTES)
  return bytes.toString('base64')
}

/** @returns items x columns, row-major; undefined where the text is no base64 of whole rows of at least one column */
export function decodedServedRows(text: string, itemCount: number): Float32Array | undefined {
  if (!isBase64(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 0 || bytes.length % (itemCount * BYTES) !== 0) return undefined
  return Float32Array.from({ length: bytes.length / BYTES }, (_, i) => bytes.readFloatLE(i * BYTES))
}

/** `Buffer.from` takes whatever it is given, and leaves out what is no base64. */
const isBase64 = (text: string): boolean => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
