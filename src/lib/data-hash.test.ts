import { expect, test } from 'vitest'
import { dataHash } from './data-hash.ts'

test('values that are the same have one hash, whatever the order of their keys', () => {
  const value = { ids: ['a', 'b'], weights: new Float32Array([1, 2]), at: Number.NaN, none: null }
  expect(dataHash({ ...value, left: undefined })).toBe(
    dataHash({ none: null, at: Number.NaN, weights: new Float32Array([0, 1, 2]).subarray(1), ids: ['a', 'b'] }),
  )
})

test('values that differ anywhere have different hashes', () => {
  const values = [
    [],
    {},
    null,
    undefined,
    '',
    0,
    '0',
    ['a', 'b'],
    ['ab'],
    ['a,b'],
    [['a'], 'b'],
    { a: 1 },
    { b: 1 },
    { a: { b: 1 } },
    { a: '1' },
    new Float32Array([1]),
    new Float64Array([1]),
    new Uint8Array(4),
    new Int32Array(1),
    [new Uint8Array(2), new Uint8Array(2)],
  ]
  expect(new Set(values.map(dataHash)).size).toBe(values.length)
})
