import { expect, test } from 'vitest'
import { ProtobufWriter } from './protobuf-writer.ts'

const hex = (writer: ProtobufWriter): string => Buffer.from(writer.finish()).toString('hex')

// The examples of protobuf.dev/programming-guides/encoding, by hand.
test('numbers, texts, messages and packed numbers are written as the format says', () => {
  expect(hex(new ProtobufWriter().whole(1, 150))).toBe('089601')
  expect(hex(new ProtobufWriter().text(2, 'testing'))).toBe('120774657374696e67')
  expect(hex(new ProtobufWriter().message(3, new ProtobufWriter().whole(1, 150)))).toBe('1a03089601')
  expect(hex(new ProtobufWriter().wholes(6, [3, 270, 86_942]))).toBe('3206038e029ea705')
  expect(hex(new ProtobufWriter().bytes(16, Uint8Array.of(7, 8)))).toBe('8201020708')
})

test('texts are UTF-8, their lengths in bytes', () => {
  expect(hex(new ProtobufWriter().text(1, 'é'))).toBe('0a02c3a9')
})
