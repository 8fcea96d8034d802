import { expect, test } from 'vitest'
import { definitionOf } from './feature-corpus.contract.ts'
import { rankableAs } from './rankable-feature.ts'

test('numbers, truths and texts are something that a ranker can use; maps, tags and ids of entities are not', () => {
  const window = { windowMs: 86_400_000, by: 'user', of: 'any' } as const
  const category = { entity: 'item', attribute: 'category' } as const
  const rankable = {
    share: { family: 'share', over: category, ...window },
    lastItem: { family: 'last', ...window },
    lastCategory: { family: 'last', value: category, kind: 'text', ...window },
    tags: { family: 'attribute', by: 'item', attribute: 'tags', kind: 'tags' },
    price: { family: 'attribute', by: 'item', attribute: 'price', kind: 'number' },
    isNew: { family: 'attribute', by: 'item', attribute: 'isNew', kind: 'boolean' },
    count: { family: 'count', ...window },
  } as const
  const found = Object.entries(rankable).map(([name, formula]) => [name, rankableAs(definitionOf(name, formula))])
  expect(Object.fromEntries(found)).toEqual({
    share: undefined,
    lastItem: undefined,
    lastCategory: 'text',
    tags: undefined,
    price: 'number',
    isNew: 'number',
    count: 'number',
  })
})
