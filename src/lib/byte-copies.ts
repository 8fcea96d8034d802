/** Most that one piece of memory takes, unless a single copy needs more. */
const PIECE_BYTES_MAX = 65_536

/** Copies of bytes, side by side in few large pieces of memory: an array of its own for each of thousands costs more than copying. */
export class ByteCopies {
  #piece = new Uint8Array(0)
  #used = 0

  /** A copy of these bytes from `start` on, to their end unless told; its memory is shared with other copies. */
  copy(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
    const length = end - start
    if (this.#used + length > this.#piece.length) {
      this.#piece = new Uint8Array(Math.max(length, Math.min(2 * this.#piece.length + 4096, PIECE_BYTES_MAX)))
      this.#used = 0
    }
    this.#piece.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, length), this.#used)
    const copy = new Uint8Array(this.#piece.buffer, this.#used, length)
    this.#used += length
    return copy
  }
}
