import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, contentHash } from './canonical-json.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>

/** The same value with the keys of every object written in the opposite order. */
function reordered(value: Json): Json {
  if (Array.isArray(value)) return value.map(reordered)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, child]) => [key, reordered(child)]),
  )
}

/** The nth leaf (a scalar, or an empty object or array) replaced by something else; every leaf counts, in order of writing. */
function withLeafChanged(value: Json, n: number): Json {
  let left = n
  const visit = (node: Json): Json => {
    if (Array.isArray(node) && node.length > 0) return node.map(visit)
    if (node !== null && typeof node === 'object' && !Array.isArray(node) && Object.keys(node).length > 0) {
      return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, visit(child)]))
    }
    return left-- === 0 ? ['changed', node] : node
  }
  return visit(value)
}

function leafCount(value: Json): number {
  if (value === null || typeof value !== 'object') return 1
  const children = Array.isArray(value) ? value : Object.values(value)
  return children.length === 0 ? 1 : children.reduce<number>((sum, child) => sum + leafCount(child), 0)
}

describe('canonicalJson', () => {
  test('sorts keys at every depth and keeps the order of arrays', () => {
    expect(canonicalJson({ b: [2, 1], a: { d: null, c: 'x' } })).toBe('{"a":{"c":"x","d":null},"b":[2,1]}')
    expect(canonicalJson({ a: undefined, b: -0 })).toBe('{"b":0}')
  })

  test('refuses what JSON cannot say', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, () => 1, [undefined], 1n]) {
      expect(() => canonicalJson(value)).toThrow(TypeError)
    }
  })

  test('is JSON of the same value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})

describe('contentHash', () => {
  test('does not see the order of keys', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(contentHash(reordered(value))).toBe(contentHash(value))
      }),
    )
  })

  test('sees a change of any value', () => {
    fc.assert(
      fc.property(json, fc.nat(), (value, n) => {
        const changed = withLeafChanged(value, n % leafCount(value))
        expect(contentHash(changed)).not.toBe(contentHash(value))
      }),
    )
  })
})
