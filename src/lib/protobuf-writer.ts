import { ByteWriter } from './bytes.ts'

/**
 * Writes one message in the wire format of protocol buffers, field by field in the order of the calls
 * (protobuf.dev/programming-guides/encoding). What a field means is the caller's business; nothing is written for what is not given.
 */
export class ProtobufWriter {
  readonly #writer = new ByteWriter()

  /** An int32, int64, bool or enum, from 0. */
  whole(field: number, value: number): this {
    this.#tag(field, VARINT)
    this.#writer.whole(value)
    return this
  }

  text(field: number, value: string): this {
    return this.#delimited(field, Buffer.from(value))
  }

  message(field: number, value: ProtobufWriter): this {
    return this.#delimited(field, value.#writer.view())
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#delimited(field, value)
  }

  /** A packed repeated field. */
  wholes(field: number, values: Iterable<number>): this {
    const packed = new ByteWriter()
    for (const value of values) packed.whole(value)
    return this.#delimited(field, packed.view())
  }

  /** What was written, copied. */
  finish(): Uint8Array {
    return this.#writer.copy()
  }

  #delimited(field: number, value: Uint8Array): this {
    this.#tag(field, LENGTH_DELIMITED)
    this.#writer.whole(value.length)
    this.#writer.raw(value)
    return this
  }

  #tag(field: number, wireType: number): void {
    this.#writer.whole(field * 8 + wireType)
  }
}

const VARINT = 0
const LENGTH_DELIMITED = 2
