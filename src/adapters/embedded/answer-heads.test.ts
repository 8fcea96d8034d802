import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AnswerHead, headsIn, lineOfHead } from './answer-heads.ts'

const head: fc.Arbitrary<AnswerHead> = fc
  .array(fc.record({ requestId: fc.string(), length: fc.nat(), checksum: fc.nat(2 ** 32 - 1) }), {
    minLength: 1,
    maxLength: 4,
  })
  .chain((records) =>
    fc.record({
      start: fc.nat(),
      requestIds: fc.constant(records.map(({ requestId }) => requestId)),
      lengths: fc.constant(records.map(({ length }) => length)),
      checksums: fc.constant(records.map(({ checksum }) => checksum)),
      newestMs: fc.nat(),
    }),
  )

test('wherever a file of heads is cut off, the whole lines before the cut are read, and no more', () => {
  fc.assert(
    fc.property(fc.array(head, { maxLength: 5 }), (heads) => {
      const lines = heads.map((one) => Buffer.from(lineOfHead(one)))
      const bytes = Buffer.concat(lines)
      let [wholeCount, wholeBytes] = [0, 0]
      for (let length = 0; length <= bytes.length; length++) {
        while (wholeCount < lines.length && wholeBytes + lines[wholeCount]!.length <= length)
          wholeBytes += lines[wholeCount++]!.length
        expect(headsIn(bytes.subarray(0, length))).toEqual({ heads: heads.slice(0, wholeCount), byteCount: wholeBytes })
      }
    }),
    { numRuns: 20 },
  )
})

test('a line of zeros is passed over', () => {
  const one: AnswerHead = { start: 3, requestIds: ['a'], lengths: [5], checksums: [7], newestMs: 11 }
  const bytes = Buffer.concat([Buffer.alloc(9), Buffer.from('\n'), Buffer.from(lineOfHead(one))])
  expect(headsIn(bytes)).toEqual({ heads: [one], byteCount: bytes.length })
})
