// Compact binary records: whole numbers in as many bytes as they need, repeated texts once.

/** Writes a record from its start; grows as needed. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0
  readonly #words = new Map<string, number>()

  constructor(capacityBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(capacityBytes)
  }

  /** Begins a new record in the same memory, without known words. */
  reset(): void {
    this.#length = 0
    this.#words.clear()
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
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
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

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Bytes behind their number. */
  part(bytes: Uint8Array): void {
    this.whole(bytes.length)
    if (bytes.length > 0) this.raw(bytes)
  }

  #reserve(byteCount: number): void {
    if (this.#length + byteCount <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + byteCount))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** Reads what a `ByteWriter` wrote, in the same order. Past the end of damaged bytes it throws a RangeError. */
export class ByteReader {
  readonly #bytes: Uint8Array
  /** The same bytes, made where a text or a float is read: a view costs more than most records take to read. */
  #buffer: Buffer | undefined
  #words: string[] = []
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  /** Goes on at that place, where another record began: words are numbered anew. */
  moveTo(at: number): void {
    this.at = at
    if (this.#words.length > 0) this.#words = []
  }

  byte(): number {
    if (this.at >= this.#bytes.length) throw new RangeError('the record ends early')
    return this.#bytes[this.at++]!
  }

  whole(): number {
    let value = this.byte()
    if (value < 0x80) return value
    value -= 0x80
    for (let factor = 0x80; ; factor *= 0x80) {
      const next = this.byte()
      if (next < 0x80) return value + next * factor
      value += (next - 0x80) * factor
    }
  }

  signed(): number {
    const value = this.whole()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  float(): number {
    const value = this.#asBuffer().readDoubleLE(this.at)
    this.at += 8
    return value
  }

  text(): string {
    const end = this.whole() + this.at
    if (end > this.#bytes.length) throw new RangeError('the record ends early')
    const value = this.#asBuffer().toString('utf8', this.at, end)
    this.at = end
    return value
  }

  word(): string {
    const number = this.whole()
    if (number < this.#words.length) return this.#words[number]!
    const value = this.text()
    this.#words.push(value)
    return value
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
