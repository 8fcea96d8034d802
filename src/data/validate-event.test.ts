import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AttributePlan, Plan } from '../config/plan.ts'
import type { RejectionReason } from '../domain/rejection.ts'
import { testPlan } from './plan.testing.ts'
import { isRejection, type RowContext } from './row-check.ts'
import { entityCheck, interactionCheck } from './validate-event.ts'

const nowMs = Date.UTC(2026, 0, 1)
const context: RowContext = {
  nowMs,
  source: 'clicks',
  where: (position) => `clicks.csv:${position + 2}`,
  missingTime: 'reject',
}

const plan: Plan = testPlan({
  item: {
    title: { type: 'text', isOptional: false },
    price: { type: 'number', isOptional: true },
    stock: { type: 'integer', isOptional: true },
    brand: { type: 'category', isOptional: true },
    labels: { type: 'tags', isOptional: true },
    isNew: { type: 'boolean', isOptional: true },
    releasedAt: { type: 'timestamp', isOptional: true },
  } satisfies Record<string, AttributePlan>,
})

const good = { userId: 'u1', itemId: 'i1', interaction: 'purchase', eventTime: '2025-06-01T12:00:00Z' }

describe('interactionCheck', () => {
  const check = interactionCheck(plan)

  it('makes an event of a good row', () => {
    expect(check({ ...good, id: 'e1', weight: 2.5 }, 0, context)).toEqual({
      kind: 'interaction',
      id: 'e1',
      interaction: 'purchase',
      userId: 'u1',
      itemId: 'i1',
      eventTimeMs: Date.UTC(2025, 5, 1, 12),
      weight: 2.5,
    })
  })

  it('leaves a weight of 1 out, as it says nothing', () => {
    expect(check({ ...good, weight: 1 }, 0, context)).not.toHaveProperty('weight')
  })

  it('takes values that the interaction declares, and leaves empty ones out', () => {
    const view = { ...good, interaction: 'view' }
    expect(check({ ...view, values: { durationSeconds: -2.5 } }, 0, context)).toMatchObject({
      values: { durationSeconds: -2.5 },
    })
    for (const values of [{}, { durationSeconds: null }, null, undefined, { revenue: null }])
      expect(check({ ...view, values }, 0, context)).not.toHaveProperty('values')
    expect(check({ ...view, values: { durationSeconds: 1e9 } }, 0, context)).toHaveProperty('values')
  })

  it('gives a row without values the id that it had before there were any', () => {
    const id = (row: object) => (check({ ...good, interaction: 'view', ...row }, 0, context) as { id: string }).id
    expect(id({ values: {} })).toBe(id({}))
    expect(id({ values: { durationSeconds: 1 } })).not.toBe(id({}))
    expect(id({ values: { durationSeconds: 1 } })).not.toBe(id({ values: { durationSeconds: 2 } }))
  })

  it('reads values of a text source as numbers', () => {
    const ofText = interactionCheck(plan, { reading: { timeFormat: 'iso', areValuesText: true } })
    const view = { ...good, interaction: 'view' }
    expect(ofText({ ...view, values: { durationSeconds: '12.5' } }, 0, context)).toMatchObject({
      values: { durationSeconds: 12.5 },
    })
    expect(ofText({ ...view, values: { durationSeconds: '' } }, 0, context)).not.toHaveProperty('values')
    expect(ofText({ ...view, values: { durationSeconds: 'long' } }, 0, context)).toMatchObject({
      reason: 'MALFORMED_VALUE',
    })
  })

  it.each<[string, object, RejectionReason, RegExp]>([
    [
      'an unknown value',
      { durationSecond: 3 },
      'UNKNOWN_VALUE',
      /unknown value "durationSecond" of view\. Did you mean "durationSeconds"/,
    ],
    ['a text', { durationSeconds: '3' }, 'MALFORMED_VALUE', /values\.durationSeconds: found "3", expected a number/],
    ['NaN', { durationSeconds: Number.NaN }, 'MALFORMED_VALUE', /found NaN/],
    ['more than can be summed', { durationSeconds: -1.1e9 }, 'MALFORMED_VALUE', /from -1000000000 to 1000000000/],
    ['a list', [1], 'MALFORMED_ROW', /values: found \[1\], expected an object of numbers by name/],
  ])('rejects values: %s', (_, values, reason, message) => {
    const verdict = check({ ...good, interaction: 'view', values }, 0, context)
    expect(verdict).toMatchObject({ reason })
    expect((verdict as { message: string }).message).toMatch(message)
  })

  it('takes numbered ids as text', () => {
    expect(check({ ...good, userId: 17_850, itemId: 12n }, 0, context)).toMatchObject({ userId: '17850', itemId: '12' })
  })

  it.each<[string, unknown, RejectionReason, RegExp]>([
    ['no user', { ...good, userId: undefined }, 'MISSING_USER_ID', /userId: found nothing/],
    ['an empty user', { ...good, userId: '' }, 'MISSING_USER_ID', /userId/],
    ['null for an item', { ...good, itemId: null }, 'MISSING_ITEM_ID', /itemId/],
    ['no time', { ...good, eventTime: undefined }, 'MISSING_EVENT_TIME', /expected an ISO 8601 time/],
    ['no interaction', { ...good, interaction: undefined }, 'MISSING_INTERACTION', /interaction: found nothing/],
    ['an id of 10 kB', { ...good, userId: 'x'.repeat(10_240) }, 'MALFORMED_ID', /found 10240 bytes .*at most 256/],
    [
      'an id of 257 bytes in 129 characters',
      { ...good, itemId: `${'é'.repeat(128)}x` },
      'MALFORMED_ID',
      /found 257 bytes/,
    ],
    ['a control character in an id', { ...good, userId: 'a\u0000b' }, 'MALFORMED_ID', /control character/],
    ['a line break in an id', { ...good, id: 'a\nb' }, 'MALFORMED_ID', /control character in "a\\nb"/],
    ['half a surrogate pair in an id', { ...good, itemId: 'a\ud800' }, 'MALFORMED_ID', /half a character/],
    ['an object for an id', { ...good, userId: { a: 1 } }, 'MALFORMED_ID', /\{"a":1\}/],
    ['a fraction for an id', { ...good, userId: 1.5 }, 'MALFORMED_ID', /1\.5/],
    ['a time that is none', { ...good, eventTime: 'yesterday' }, 'MALFORMED_TIME', /found "yesterday"/],
    ['the 31st of February', { ...good, eventTime: '2025-02-31T00:00:00Z' }, 'MALFORMED_TIME', /2025-02-31/],
    ['NaN for a time', { ...good, eventTime: Number.NaN }, 'MALFORMED_TIME', /found NaN/],
    ['a time before 1971', { ...good, eventTime: 1_400_000_000 }, 'TIME_BEFORE_1971', /which is 1970-01-17/],
    ['a negative time', { ...good, eventTime: -5 }, 'TIME_BEFORE_1971', /1969/],
    [
      'a time in the future',
      { ...good, eventTime: nowMs + 3_600_001 },
      'TIME_IN_FUTURE',
      /expected no later than 2026-01-01T01:00/,
    ],
    ['a negative weight', { ...good, weight: -1 }, 'WEIGHT_NOT_POSITIVE', /found -1, expected a number above 0/],
    ['a weight of 0', { ...good, weight: 0 }, 'WEIGHT_NOT_POSITIVE', /found 0/],
    ['NaN for a weight', { ...good, weight: Number.NaN }, 'MALFORMED_WEIGHT', /found NaN/],
    ['an infinite weight', { ...good, weight: Infinity }, 'MALFORMED_WEIGHT', /Infinity/],
    ['a text for a weight', { ...good, weight: '2' }, 'MALFORMED_WEIGHT', /found "2"/],
    ['an unknown interaction', { ...good, interaction: 'purchse' }, 'UNKNOWN_INTERACTION', /Did you mean "purchase"\?/],
    ['a number for an interaction', { ...good, interaction: 7 }, 'UNKNOWN_INTERACTION', /found 7/],
    [
      'an inherited name for an interaction',
      { ...good, interaction: 'constructor' },
      'UNKNOWN_INTERACTION',
      /constructor/,
    ],
    [
      'an unknown field',
      { ...good, itmId: 'i1' },
      'UNKNOWN_FIELD',
      /Found the unknown field "itmId"\. Did you mean "itemId"\?/,
    ],
    ['a __proto__ field', JSON.parse('{"__proto__":1}'), 'UNKNOWN_FIELD', /__proto__/],
    ['an array', [1], 'MALFORMED_ROW', /Found \[1\], expected a JSON object/],
    ['null', null, 'MALFORMED_ROW', /null/],
    ['a text', 'row', 'MALFORMED_ROW', /"row"/],
  ])('rejects %s', (_, row, reason, message) => {
    expect(check(row, 0, context)).toEqual({ reason, message: expect.stringMatching(message) })
  })

  it('takes a time as far ahead as the plan tolerates, and one at the start of 1971', () => {
    expect(check({ ...good, eventTime: nowMs + 3_600_000 }, 0, context)).toMatchObject({
      eventTimeMs: nowMs + 3_600_000,
    })
    expect(check({ ...good, eventTime: '1971-01-01' }, 0, context)).toMatchObject({ eventTimeMs: 31_536_000_000 })
  })

  it('tells every problem of a row, the first one as the reason', () => {
    const verdict = check({ itemId: 'a\tb', eventTime: 'now', weight: -1, interaction: 'viw' }, 0, context)
    expect(verdict).toMatchObject({ reason: 'MISSING_USER_ID' })
    for (const part of ['userId:', 'itemId:', 'eventTime:', 'weight:', 'Did you mean "view"?']) {
      expect(verdict).toMatchObject({ message: expect.stringContaining(part) })
    }
  })

  it('forgets the problems of the row before', () => {
    check({}, 0, context)
    expect(isRejection(check(good, 1, context))).toBe(false)
  })

  it('gives a row without an id one that is made from its source and content', () => {
    const idOf = (row: object, changes: Partial<RowContext> = {}, position = 0) => {
      const verdict = check(row, position, { ...context, ...changes })
      if (isRejection(verdict)) throw new Error(verdict.message)
      return verdict.id
    }
    const id = idOf(good)
    expect(id).toMatch(/^[\w-]{22}$/)
    expect(idOf({ ...good, id: '' }, {}, 5)).toBe(id)
    expect(idOf({ ...good, eventTime: Date.UTC(2025, 5, 1, 12) })).toBe(id)
    const others = [
      { ...good, userId: 'u2' },
      { ...good, itemId: 'i2' },
      { ...good, interaction: 'view' },
      { ...good, weight: 2 },
    ]
    expect(new Set([id, idOf(good, { source: 'other' }), ...others.map((row) => idOf(row))]).size).toBe(6)
  })

  it('takes the time of arrival where it may, and then holds equal rows apart', () => {
    const arriving: RowContext = { ...context, missingTime: 'arrival' }
    const first = check({ ...good, eventTime: undefined }, 0, arriving)
    expect(first).toMatchObject({ eventTimeMs: nowMs })
    expect(first).not.toEqual(check({ ...good, eventTime: undefined }, 1, arriving))
    expect(check(good, 0, arriving)).toEqual(check(good, 1, arriving))
  })

  it('reads the numbers of a text source out of their text', () => {
    const fromText = interactionCheck(plan, {
      reading: { timeFormat: 'seconds', areValuesText: true },
      interaction: 'view',
    })
    expect(
      fromText({ userId: 'u', itemId: 'i', eventTime: '1750000000', weight: '2.5', interaction: '' }, 0, context),
    ).toMatchObject({
      interaction: 'view',
      eventTimeMs: 1_750_000_000_000,
      weight: 2.5,
    })
    expect(fromText({ userId: 'u', itemId: 'i', eventTime: '1750000000', weight: 'NaN' }, 0, context)).toMatchObject({
      reason: 'MALFORMED_WEIGHT',
    })
  })

  it('never throws, whatever the row', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record({ userId: fc.anything(), itemId: fc.anything(), eventTime: fc.anything(), weight: fc.anything() }),
        ),
        (row) => {
          const verdict = check(row, 0, context)
          expect(isRejection(verdict) || verdict.kind === 'interaction').toBe(true)
        },
      ),
    )
  })
})

describe('entityCheck', () => {
  const check = entityCheck(plan, { entity: 'item' })
  const item = { entityId: 'i1', attributes: { title: 'Mug' }, eventTime: '2025-06-01' }

  it('makes an event of a good row, of every type of attribute', () => {
    const attributes = {
      title: 'Mug',
      price: 2.5,
      stock: 3,
      brand: 'Acme',
      labels: ['a', 'b'],
      isNew: true,
      releasedAt: '2020-01-01',
    }
    expect(check({ ...item, attributes }, 0, context)).toEqual({
      kind: 'entity',
      id: expect.any(String),
      entity: 'item',
      entityId: 'i1',
      change: 'put',
      attributes: { ...attributes, releasedAt: Date.UTC(2020, 0, 1) },
      eventTimeMs: Date.UTC(2025, 5, 1),
    })
  })

  it.each<[string, object, RejectionReason, RegExp]>([
    ['no id', { ...item, entityId: undefined }, 'MISSING_ENTITY_ID', /itemId: found nothing/],
    ['no required attribute', { ...item, attributes: { price: 1 } }, 'MISSING_ATTRIBUTE', /title: found nothing/],
    ['null for a required attribute', { ...item, attributes: { title: null } }, 'MISSING_ATTRIBUTE', /title/],
    ['no attributes', { ...item, attributes: undefined }, 'MALFORMED_ROW', /attributes: found nothing/],
    ['a list of attributes', { ...item, attributes: ['Mug'] }, 'MALFORMED_ROW', /expected an object/],
    [
      'an unknown attribute',
      { ...item, attributes: { title: 'Mug', prize: 1 } },
      'UNKNOWN_ATTRIBUTE',
      /"prize" of item\. Did you mean "price"\?/,
    ],
    [
      'a text for a price',
      { ...item, attributes: { title: 'Mug', price: '2.5' } },
      'MALFORMED_ATTRIBUTE',
      /price: found "2\.5", expected number/,
    ],
    [
      'NaN for a price',
      { ...item, attributes: { title: 'Mug', price: Number.NaN } },
      'MALFORMED_ATTRIBUTE',
      /price: found NaN/,
    ],
    [
      'a fraction for a stock',
      { ...item, attributes: { title: 'Mug', stock: 1.5 } },
      'MALFORMED_ATTRIBUTE',
      /stock: found 1\.5/,
    ],
    ['a text for tags', { ...item, attributes: { title: 'Mug', labels: 'a' } }, 'MALFORMED_ATTRIBUTE', /labels/],
    ['a number for a title', { ...item, attributes: { title: 5 } }, 'MALFORMED_ATTRIBUTE', /title: found 5/],
    ['an unknown change', { ...item, change: 'upsert' }, 'MALFORMED_ROW', /change: found "upsert"/],
    ['an unknown field', { ...item, name: 'Mug' }, 'UNKNOWN_FIELD', /"name"/],
  ])('rejects %s', (_, row, reason, message) => {
    expect(check(row, 0, context)).toEqual({ reason, message: expect.stringMatching(message) })
  })

  it('lets a patch be partial and empty an optional attribute, but not a required one', () => {
    expect(check({ ...item, change: 'patch', attributes: { price: null } }, 0, context)).toMatchObject({
      attributes: { price: null },
    })
    expect(check({ ...item, change: 'patch', attributes: { title: null } }, 0, context)).toMatchObject({
      reason: 'MISSING_ATTRIBUTE',
    })
  })

  it('needs no attributes to delete', () => {
    expect(check({ entityId: 'i1', change: 'delete', eventTime: '2025-06-01' }, 0, context)).toMatchObject({
      change: 'delete',
      attributes: {},
    })
  })

  it('reads text cells by type, and an empty cell as no value', () => {
    const fromText = entityCheck(plan, { entity: 'item', reading: { timeFormat: 'iso', areValuesText: true } })
    const attributes = {
      title: 'Mug',
      price: '2.50',
      stock: '',
      brand: '7',
      labels: 'a | b|',
      isNew: 'Yes',
      releasedAt: '2020-01-01',
    }
    expect(fromText({ ...item, attributes }, 0, context)).toMatchObject({
      attributes: {
        title: 'Mug',
        price: 2.5,
        brand: '7',
        labels: ['a', 'b'],
        isNew: true,
        releasedAt: Date.UTC(2020, 0, 1),
      },
    })
    expect(fromText({ ...item, attributes: { ...attributes, title: '' } }, 0, context)).toMatchObject({
      reason: 'MISSING_ATTRIBUTE',
    })
    expect(fromText({ ...item, attributes: { ...attributes, isNew: 'perhaps' } }, 0, context)).toMatchObject({
      reason: 'MALFORMED_ATTRIBUTE',
    })
  })

  it('takes the time of the file where rows have none: the same file again says the same', () => {
    const ofFile: RowContext = { ...context, missingTime: Date.UTC(2025, 0, 1) }
    const row = { ...item, eventTime: undefined }
    expect(check(row, 0, ofFile)).toMatchObject({ eventTimeMs: Date.UTC(2025, 0, 1) })
    expect(check(row, 0, ofFile)).toEqual(check(row, 7, ofFile))
  })
})
