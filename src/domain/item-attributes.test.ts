import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ItemChange, itemAttributesAsOf } from './item-attributes.ts'

const names = ['title', 'brand']
const change = (said: Partial<ItemChange>): ItemChange => ({
  itemIndex: 0,
  change: 'put',
  attributes: {},
  eventTimeMs: 10,
  availableTimeMs: 10,
  ...said,
})

test('a put replaces, a patch adds, a delete takes away, and an older change never wins', () => {
  const changes = [
    change({ attributes: { title: 'a lamp', brand: 'x' } }),
    change({ change: 'patch', attributes: { brand: 'y' }, eventTimeMs: 20 }),
    change({ change: 'patch', attributes: { brand: 'late' }, eventTimeMs: 15 }),
    change({ itemIndex: 1, attributes: { title: 'a bowl', brand: 'z' } }),
    change({ itemIndex: 1, change: 'delete', eventTimeMs: 30 }),
    change({ itemIndex: 2, attributes: { title: 'first' } }),
    change({ itemIndex: 2, attributes: { title: 'second' } }),
  ]
  expect(itemAttributesAsOf({ names, changes }, 4, 100)).toEqual({
    title: ['a lamp', null, 'second', null],
    brand: ['y', null, null, null],
  })
})

test('what happened or became known at the moment or later changes nothing', () => {
  const anyChange = fc.record({
    itemIndex: fc.nat(3),
    change: fc.constantFrom<ItemChange['change']>('put', 'patch', 'delete'),
    attributes: fc.dictionary(fc.constantFrom(...names), fc.string()),
    eventTimeMs: fc.nat(20),
    availableTimeMs: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(anyChange), fc.nat(20), (changes, asOfMs) => {
      const past = changes.filter((one) => one.eventTimeMs < asOfMs && one.availableTimeMs < asOfMs)
      expect(itemAttributesAsOf({ names, changes }, 4, asOfMs)).toEqual(
        itemAttributesAsOf({ names, changes: past }, 4, Number.POSITIVE_INFINITY),
      )
    }),
  )
})
