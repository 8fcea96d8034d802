// Compact binary records: whole numbers in as many bytes as they need, repeated texts once.

/** Up to here a loop is faster than a view and a call. */
const COPIED_ONE_BY_ONE_MAX = 48
/** Of a text, in characters; below 128, so that its length takes one byte. */
const SHORT_TEXT_LENGTH_MAX = 32

/** Writes a record from its start; grows as needed. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0
  readonly #words = new Map<string, number>()

  constructor(capacityBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(capacityBytes)
  }

  /** Bytes written since the start or the last `reset`. */
  get length(): number {
    return this.#length
  }

  /** Begins a new record in the same memory, without known words. */
  reset(): void {
    this.#length = 0
    this.forgetWords()
  }

  /** Words are numbered anew from here on. */
  forgetWords(): void {
    if (this.#words.size > 0) this.#words.clear()
  }

  /** A copy of what was written since the start or the last `reset`. */
  copy(): Uint8Array {
    return new Uint8Array(this.view())
  }

  /** What was written, until the next change. */
  view(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#length)
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  /** A whole number, 0 to 2^53: seven bits per byte, the lowest first (LEB128). */
  whole(value: number): void {
    this.#reserve(8)
    const bytes = this.#bytes
    let at = this.#length
    let rest = value
    // Beyond 31 bits only division is exact.
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80
    for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80
    bytes[at++] = rest
    this.#length = at
  }

  /** A whole number, -2^52 to 2^52: the sign in the lowest bit. */
  signed(value: number): void {
    this.whole(value < 0 ? -2 * value - 1 : 2 * value)
  }

  float(value: number): void {
    this.#reserve(8)
    this.#bytes.writeDoubleLE(value, this.#length)
    this.#length += 8
  }

  text(value: string): void {
    if (value.length <= SHORT_TEXT_LENGTH_MAX && this.#shortText(value)) return
    const byteLength = Buffer.byteLength(value)
    this.whole(byteLength)
    this.#reserve(byteLength)
    this.#length += this.#bytes.write(value, this.#length, 'utf8')
  }

  /** A text that may repeat: written out the first time in a record, then by its number. */
  word(value: string): void {
    const known = this.#words.get(value)
    if (known !== undefined) {
      this.whole(known)
      return
    }
    this.whole(this.#words.size)
    this.#words.set(value, this.#words.size)
    this.text(value)
  }

  /** A part of these bytes, all of them by default. */
  raw(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#reserve(end - start)
    if (end - start > COPIED_ONE_BY_ONE_MAX) {
      this.#bytes.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#length)
    } else {
      for (let at = start, to = this.#length; at < end; ) this.#bytes[to++] = bytes[at++]!
    }
    this.#length += end - start
  }

  /**
   * Leaves room, for `setUint32` and `setFloat` to fill.
   * @returns where it begins
   */
  skip(byteCount: number): number {
    this.#reserve(byteCount)
    const start = this.#length
    this.#length += byteCount
    return start
  }

  setUint32(at: number, value: number): void {
    const bytes = this.#bytes
    bytes[at] = value
    bytes[at + 1] = value >>> 8
    bytes[at + 2] = value >>> 16
    bytes[at + 3] = value >>> 24
  }

  setFloat(at: number, value: number): void {
    this.#bytes.writeDoubleLE(value, at)
  }

  /** False, and nothing written, where a character is not of ASCII. */
  #shortText(value: string): boolean {
    const { length } = value
    this.#reserve(length + 1)
    const bytes = this.#bytes
    let at = this.#length
    bytes[at++] = length
    for (let n = 0; n < length; n++) {
      const unit = value.charCodeAt(n)
      if (unit > 0x7f) return false
      bytes[at++] = unit
    }
    this.#length = at
    return true
  }

  #reserve(byteCount: number): void {
    if (this.#length + byteCount <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + byteCount))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** For one float at a time. */
const floatBytes = new Uint8Array(8)
const floatView = new DataView(floatBytes.buffer)

/** Short texts by a hash of their bytes, the newest of each; a power of two of them, up to 32 bytes each. */
const latelyRead: string[] = new Array(4096).fill('')

/** False also where a character is not of ASCII. */
function isTextAt(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let n = 0; n < text.length; n++) {
    // What is not ASCII in one is a byte above 127 in the other, and must not be taken for the character of that number.
    const byte = bytes[start + n]!
    if (byte > 0x7f || text.charCodeAt(n) !== byte) return false
  }
  return true
}

/** Reads what a `ByteWriter` wrote, in the same order. Past the end of damaged bytes it throws a RangeError. */
export class ByteReader {
  readonly #bytes: Uint8Array
  /** The same bytes, made where a text is read: a view costs more than most records take to read. */
  #buffer: Buffer | undefined
  /** Undefined before the first. */
  #words: string[] | undefined
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  /** Goes on at that place, where another record began: words are numbered anew. */
  moveTo(at: number): void {
    this.at = at
    this.#words = undefined
  }

  byte(): number {
    if (this.at >= this.#bytes.length) throw new RangeError('the record ends early')
    return this.#bytes[this.at++]!
  }

  whole(): number {
    const first = this.#bytes[this.at]!
    if (first < 0x80) {
      this.at++
      return first
    }
    let value = this.byte() - 0x80
    for (let factor = 0x80; ; factor *= 0x80) {
      const next = this.byte()
      if (next < 0x80) return value + next * factor
      value += (next - 0x80) * factor
    }
  }

  signed(): number {
    const value = this.whole()
    if (value <= 0x7fff_ffff) return (value & 1) === 0 ? value >>> 1 : -((value >>> 1) + 1)
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  float(): number {
    const { at } = this
    if (at + 8 > this.#bytes.length) throw new RangeError('the record ends early')
    for (let n = 0; n < 8; n++) floatBytes[n] = this.#bytes[at + n]!
    this.at += 8
    return floatView.getFloat64(0, true)
  }

  text(): string {
    const length = this.whole()
    const end = this.at + length
    if (end > this.#bytes.length) throw new RangeError('the record ends early')
    const value =
      length <= SHORT_TEXT_LENGTH_MAX ? this.#shortText(end) : this.#asBuffer().toString('utf8', this.at, end)
    this.at = end
    return value
  }

  /** Few texts, such as the names of categories, make up most of what is read: one that was read lately is found again without being made. */
  #shortText(end: number): string {
    const bytes = this.#bytes
    let hash = end - this.at
    for (let at = this.at; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0
    const place = (hash ^ (hash >>> 10)) & (latelyRead.length - 1)
    const known = latelyRead[place]!
    if (isTextAt(known, bytes, this.at, end)) return known
    const value = this.#asBuffer().toString('utf8', this.at, end)
    latelyRead[place] = value
    return value
  }

  word(): string {
    const number = this.whole()
    const words = (this.#words ??= [])
    if (number < words.length) return words[number]!
    const value = this.text()
    words.push(value)
    return value
  }

  /** What is being read. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** A view, good for as long as the bytes are. */
  raw(byteCount: number): Uint8Array {
    const view = this.#bytes.subarray(this.at, this.at + byteCount)
    if (view.length < byteCount) throw new RangeError('the record ends early')
    this.at += byteCount
    return view
  }

  #asBuffer(): Buffer {
    const { buffer, byteOffset, byteLength } = this.#bytes
    return (this.#buffer ??= Buffer.isBuffer(this.#bytes) ? this.#bytes : Buffer.from(buffer, byteOffset, byteLength))
  }
}
