import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SHOWN_COUNT_MAX } from '../domain/event.ts'
import { encodedServedRows } from '../domain/served-rows.ts'
import { impressionCheck } from './impression-check.ts'
import { testPlan } from './plan.testing.ts'
import { isRejection, type RowContext } from './row-check.ts'

const nowMs = Date.UTC(2026, 0, 1)
const context: RowContext = { nowMs, source: 'shown', where: (position) => `row ${position}`, missingTime: 'arrival' }
const plan = testPlan()
const check = impressionCheck(plan)
const row = { kind: 'impression', id: 'r1', userId: 'u1', itemIds: ['b', 'a'], eventTime: '2025-06-01' }
const served = encodedServedRows(Float32Array.of(1, Number.NaN, 2, 3))

const judged = (given: unknown) => check(given, 0, context)

describe('an impression', () => {
  test('keeps the order of its items and all that goes with it', () => {
    const rest = { placement: 'home', modelVersion: 'v1', rung: 'full', scores: [2, -1.5], propensities: [1, 0.25] }
    expect(judged({ ...row, ...rest, served })).toEqual({
      kind: 'impression',
      id: 'r1',
      userId: 'u1',
      itemIds: ['b', 'a'],
      eventTimeMs: Date.UTC(2025, 5, 1),
      ...rest,
      served,
    })
  })

  test('needs a user and items only: it was shown when it arrived, and its id is made of what it says', () => {
    const bare = { userId: 7, itemIds: ['b', 12] }
    const first = judged(bare)
    expect(first).toMatchObject({ userId: '7', itemIds: ['b', '12'], eventTimeMs: nowMs })
    expect(judged({ ...bare, eventTime: nowMs })).toEqual(judged({ ...bare, eventTime: nowMs }))
    expect(judged({ ...bare, eventTime: nowMs })).not.toEqual(judged({ ...bare, itemIds: [12, 'b'], eventTime: nowMs }))
  })

  test('says nothing of empty fields, as columns without a value are', () => {
    const empty = { placement: null, modelVersion: '', rung: undefined, scores: null, propensities: '', served: null }
    expect(judged({ ...row, ...empty })).toEqual(judged(row))
  })

  test.each([
    ['no items', { itemIds: [] }, 'MISSING_ITEM_ID', /itemIds: found nothing/],
    ['no list', { itemIds: undefined }, 'MISSING_ITEM_ID', /itemIds: found nothing/],
    ['a text for a list', { itemIds: 'a|b' }, 'MALFORMED_IMPRESSION', /found "a\|b", expected a list of at most 1000/],
    ['a gap', { itemIds: ['a', null, 'b'] }, 'MISSING_ITEM_ID', /itemIds\[1\]: found nothing/],
    ['an item twice', { itemIds: ['a', 'b', 'a'] }, 'MALFORMED_IMPRESSION', /"a" at places 1 and 3, expected each/],
    ['no user', { userId: '' }, 'MISSING_USER_ID', /userId/],
    ['an item of an interaction', { itemId: 'a' }, 'UNKNOWN_FIELD', /unknown field "itemId".*"itemIds"/],
    ['another kind', { kind: 'impresion' }, 'MALFORMED_IMPRESSION', /found "impresion", expected "impression"/],
    ['one score for two items', { scores: [1] }, 'MALFORMED_IMPRESSION', /scores: found 1 of them, expected 2/],
    ['a score that is none', { scores: [1, '2'] }, 'MALFORMED_IMPRESSION', /scores\[1\]: found "2"/],
    ['certain absence', { propensities: [0.5, 0] }, 'MALFORMED_IMPRESSION', /propensities\[1\]: found 0, expected a/],
    ['rows of no model', { served }, 'MALFORMED_IMPRESSION', /without a modelVersion/],
    [
      'rows that are not whole',
      { modelVersion: 'v', served: encodedServedRows(Float32Array.of(1, 2, 3)) },
      'MALFORMED_IMPRESSION',
      /served: found 16 characters, expected base64 of 4 bytes for each of 2 items/,
    ],
    ['rows that are no text', { modelVersion: 'v', served: [1, 2] }, 'MALFORMED_IMPRESSION', /served: found \[1,2\]/],
    ['a time to come', { eventTime: nowMs + 7_200_000 }, 'TIME_IN_FUTURE', /eventTime/],
    ['a known time over HTTP', { knownTime: nowMs }, 'UNKNOWN_FIELD', /knownTime/],
  ])('with %s is rejected', (_, given, reason, message) => {
    expect(judged({ ...row, ...given })).toMatchObject({ reason, message: expect.stringMatching(message) })
  })

  test('may have a thousand items, and not one more', () => {
    const items = Array.from({ length: SHOWN_COUNT_MAX }, (_, n) => `i${n}`)
    expect(judged({ ...row, itemIds: items })).toMatchObject({ itemIds: items })
    expect(judged({ ...row, itemIds: [...items, 'x'] })).toMatchObject({ reason: 'MALFORMED_IMPRESSION' })
  })

  test('in a source of texts has its lists as one text each', () => {
    const fromText = impressionCheck(plan, {
      reading: { timeFormat: 'iso', areValuesText: true },
      declared: { known: 'when-it-happened' },
    })
    const texts = { userId: 'u', itemIds: 'b | a', scores: '2|-1.5', eventTime: '2025-06-01', placement: '' }
    expect(fromText(texts, 0, context)).toMatchObject({
      itemIds: ['b', 'a'],
      scores: [2, -1.5],
      knownTimeMs: Date.UTC(2025, 5, 1),
    })
    expect(fromText({ ...texts, itemIds: 'b||a' }, 0, context)).toMatchObject({ reason: 'MISSING_ITEM_ID' })
  })

  test('whatever comes is judged, and what is accepted has each item once and one number for each', () => {
    const anything = fc.anything({ withBigInt: true })
    const rows = fc.record(
      {
        kind: fc.constantFrom('impression', 'x'),
        userId: fc.oneof(fc.constant('u'), anything),
        itemIds: fc.oneof(fc.array(fc.constantFrom('a', 'b', 'c', 'd')), anything),
        scores: fc.oneof(fc.array(fc.double()), anything),
        propensities: fc.oneof(fc.array(fc.double({ min: 0, max: 2 })), anything),
        modelVersion: fc.constant('v'),
        served: fc.oneof(fc.base64String(), anything),
      },
      { requiredKeys: ['userId', 'itemIds'] },
    )
    fc.assert(
      fc.property(rows, (given) => {
        const verdict = judged(given)
        if (isRejection(verdict) || verdict.kind !== 'impression') return
        const { itemIds, scores = itemIds, propensities = itemIds } = verdict
        expect(new Set(itemIds).size).toBe(itemIds.length)
        expect([scores.length, propensities.length]).toEqual([itemIds.length, itemIds.length])
      }),
    )
  })
})
