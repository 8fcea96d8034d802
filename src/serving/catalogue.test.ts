import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EntityEvent } from '../domain/event.ts'
import { Catalogue } from './catalogue.ts'
import { deletion, item, itemAttributes, itemPatch } from './serving-fixture.testing.ts'

const catalogueOf = (...events: readonly unknown[]): Catalogue => {
  const catalogue = new Catalogue(itemAttributes)
  for (const event of events) catalogue.change(event as EntityEvent)
  return catalogue
}

describe('what is known of an item', () => {
  test('a put replaces everything, a patch what it names, null takes away', () => {
    const catalogue = catalogueOf(
      item('a', { category: 'x', price: 1, tags: ['t'], title: 'T', isOnSale: true, stock: 3 }, 10),
      itemPatch('a', { price: 2, tags: null }, 20),
    )
    expect(catalogue.attributesOf('a')).toEqual({ category: 'x', price: 2, title: 'T', isOnSale: true, stock: 3 })
    catalogue.change(item('a', { brand: 'b', tags: [] }, 30) as EntityEvent)
    expect(catalogue.attributesOf('a')).toEqual({ brand: 'b', tags: [] })
  })

  test('a late patch does not overwrite a newer value, but fills what nobody said later', () => {
    const catalogue = catalogueOf(itemPatch('a', { price: 2 }, 20), itemPatch('a', { price: 1, stock: 5 }, 10))
    expect(catalogue.attributesOf('a')).toEqual({ price: 2, stock: 5 })
  })

  test('a deleted item is gone, stays gone for late changes, and comes back by a newer one', () => {
    const catalogue = catalogueOf(item('a', { price: 1 }, 10), deletion('item', 'a', 20))
    expect([catalogue.attributesOf('a'), catalogue.liveCount, catalogue.rowCount]).toEqual([undefined, 0, 1])
    catalogue.change(itemPatch('a', { stock: 1 }, 15) as EntityEvent)
    expect(catalogue.liveCount).toBe(0)
    catalogue.change(itemPatch('a', { stock: 2 }, 25) as EntityEvent)
    expect([catalogue.attributesOf('a'), catalogue.liveCount]).toEqual([{ stock: 2 }, 1])
  })

  test('values of another type than the plan’s, and attributes it does not know, are left out', () => {
    const catalogue = catalogueOf(
      item('a', { price: 'cheap', category: 3, tags: 'x', isOnSale: 'yes', stock: Number.NaN, colour: 'red' }),
    )
    expect(catalogue.attributesOf('a')).toEqual({})
  })

  test('times may be written as ISO 8601', () => {
    const catalogue = catalogueOf(item('a', { publishedAt: '2024-01-01' }), item('b', { publishedAt: 5 }))
    expect(catalogue.attributesOf('a')).toEqual({ publishedAt: Date.UTC(2024, 0, 1) })
    expect(catalogue.attributesOf('b')).toEqual({ publishedAt: 5 })
  })

  test('an item that is only heard of exists without attributes', () => {
    const catalogue = new Catalogue(itemAttributes)
    expect([catalogue.rowFor('a'), catalogue.rowFor('b'), catalogue.rowFor('a')]).toEqual([0, 1, 0])
    expect([catalogue.attributesOf('a'), catalogue.attributesOf('c'), catalogue.liveCount]).toEqual([{}, undefined, 2])
  })

  test('tags survive thousands of changes of other items', () => {
    const catalogue = new Catalogue(itemAttributes)
    for (let round = 1; round <= 100; round++) {
      for (let i = 0; i < 50; i++)
        catalogue.change(item(`i${i}`, { tags: [`r${round}`, `i${i}`] }, round) as EntityEvent)
    }
    for (let i = 0; i < 50; i++) expect(catalogue.attributesOf(`i${i}`)).toEqual({ tags: ['r100', `i${i}`] })
    const { words } = catalogue.columns.get('tags')!
    expect(words!.rowCountOf(0)).toBe(0)
    expect(words!.sum(7, new Float32Array(words!.wordCount).fill(1))).toBe(2)
  })

  test('the state does not depend on the order in which changes come', () => {
    const change = fc.record({
      change: fc.constantFrom('put' as const, 'patch' as const, 'patch' as const, 'delete' as const),
      attributes: fc.record(
        { price: fc.option(fc.nat(5)), stock: fc.nat(5), category: fc.constantFrom('a', 'b') },
        { requiredKeys: [] },
      ),
    })
    const history = fc.array(change, { maxLength: 8 }).chain((changes) => {
      const events = changes.map(
        ({ change, attributes }, i): EntityEvent => ({
          kind: 'entity',
          id: `${i}`,
          entity: 'item',
          entityId: 'a',
          change,
          attributes: change === 'delete' ? {} : attributes,
          eventTimeMs: 100 + i,
        }),
      )
      return fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length }))
    })
    fc.assert(
      fc.property(history, ([inOrder, shuffled]) => {
        expect(catalogueOf(...shuffled).attributesOf('a')).toEqual(catalogueOf(...inOrder).attributesOf('a'))
      }),
      { numRuns: 1000 },
    )
  })
})
