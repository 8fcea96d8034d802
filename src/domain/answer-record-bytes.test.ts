import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anAnswer } from './answer-record.contract.ts'
import { decodedAnswerRecord, encodedAnswerRecords } from './answer-record-bytes.ts'

const floats = fc.float32Array({ maxLength: 20 })
const records = fc.array(
  fc
    .record(
      {
        planHash: fc.string({ unit: 'binary' }),
        served: floats,
        candidates: fc.record({
          itemIndexes: fc.int32Array({ maxLength: 20 }),
          scores: fc.float64Array({ maxLength: 20 }),
          rows: floats,
        }),
      },
      { requiredKeys: [] },
    )
    .map(({ candidates, ...changes }) =>
      anAnswer('a', {
        ...changes,
        // As many scores as candidates.
        ...(candidates && {
          candidates: {
            ...candidates,
            scores: Float64Array.from(candidates.itemIndexes, (_, n) => candidates.scores[n] ?? -0),
          },
        }),
      }),
    ),
)

test('records one after another are read back as they were, each from its own bytes, wherever these begin', () => {
  fc.assert(
    fc.property(records, (written) => {
      const { bytes, lengths } = encodedAnswerRecords(written)
      let end = 0
      const read = lengths.map((length) => {
        end += length
        return decodedAnswerRecord(bytes.subarray(end - length, end))
      })
      expect(read).toEqual(written)
      expect(end).toBe(bytes.length)
    }),
  )
})

test('what a newer version wrote is not read', () => {
  const { bytes } = encodedAnswerRecords([anAnswer('a')])
  const newer = Buffer.from(bytes.toString('latin1').replace('"format":1', '"format":9'), 'latin1')
  expect(decodedAnswerRecord(newer)).toBeUndefined()
})
