import { expect, test } from 'vitest'
import type { FeatureReader } from '../data/feature-reader.ts'
import { definitionOf } from '../domain/feature-corpus.contract.ts'
import { readingsOf } from './live-features.ts'

const views = definitionOf('views', { family: 'count', by: 'item', of: ['view'], windowMs: 60_000 })
const newer = definitionOf('views', { family: 'count', by: 'item', of: ['view'], windowMs: 120_000 })
const rows = [[{ status: 'present', value: 3, newestEventTimeMs: undefined }]] as const

/** A store whose engine has come so far as to answer by that definition. */
const answeringBy = (definition: typeof views, asked: unknown[] = []): FeatureReader => ({
  read: async (request) => {
    asked.push(request)
    return { asOfMs: 1, rows, definitions: [definition], nextOffset: 1 }
  },
  definitions: async () => [definition],
})

test('the store is asked for pairs of the user and each item, of an anonymous visitor for the items alone', async () => {
  const asked: unknown[] = []
  const reader = answeringBy(views, asked)
  expect(await readingsOf(reader, [views], 'u', ['i'])).toEqual(rows)
  await readingsOf(reader, [views], undefined, ['i'])
  expect(asked).toEqual([
    { features: ['views'], entities: [{ userId: 'u', itemId: 'i' }] },
    { features: ['views'], entities: [{ itemId: 'i' }] },
  ])
})

test('what is still answered by an earlier definition is refused: a ranker that learned with the new one would take it for its own', async () => {
  await expect(readingsOf(answeringBy(views), [newer], 'u', ['i'])).rejects.toMatchObject({ code: 'FEATURE_UNKNOWN' })
})
