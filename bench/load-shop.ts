// A made shop of any size: items with attributes, users with tastes, and what they did. Topics and popularity follow power laws, as in real
// shops, so that vectors trained on it have structure; every number comes from the seed.

import type { TrainingData } from '../src/domain/training-data.ts'
import { csrFromTriplets } from '../src/lib/csr.ts'
import { type Rng, seededRng } from '../src/lib/rng.ts'
import type { StoredEvent } from '../src/ports/event-log.ts'

export interface ShopSize {
  readonly itemCount: number
  readonly userCount: number
  readonly interactionsPerUser: number
}

export interface ItemAttributes {
  readonly title: string
  readonly category: string
  readonly brand: string
  readonly price: number
  readonly stock: number
}

export interface Shop {
  readonly data: TrainingData
  /** By item index. */
  readonly attributes: readonly ItemAttributes[]
  /** Items first, then interactions. */
  events(): Generator<StoredEvent>
}

export const CATEGORY_COUNT = 30
export const BRAND_COUNT = 500
export const TOPICS_PER_USER = 3
export const ITEMS_PER_TOPIC = 400
const START_MS = Date.UTC(2026, 0, 1)

export const itemIdOf = (itemIndex: number): string => `item-${itemIndex}`
export const userIdOf = (userIndex: number): string => `user-${userIndex}`

export function makeShop({ itemCount, userCount, interactionsPerUser }: ShopSize, seed: number): Shop {
  const rng = seededRng(seed)
  const count = userCount * interactionsPerUser
  const users = new Int32Array(count)
  const items = new Int32Array(count)
  for (let user = 0, i = 0; user < userCount; user++) {
    const topics = Array.from({ length: TOPICS_PER_USER }, () => skewed(rng, topicCountOf(itemCount)))
    for (let n = 0; n < interactionsPerUser; n++, i++) {
      users[i] = user
      items[i] = itemOf(topics[rng.integer(TOPICS_PER_USER)]!, rng, itemCount)
    }
  }
  const itemsByUser = csrFromTriplets(
    { rows: users, columns: items, values: new Float32Array(count).fill(1) },
    { rowCount: userCount, columnCount: itemCount },
  )
  const attributeRng = rng.fork('attributes')
  const attributes = Array.from({ length: itemCount }, () => attributesOf(attributeRng))
  return {
    attributes,
    data: {
      userIds: Array.from({ length: userCount }, (_, user) => userIdOf(user)),
      itemIds: Array.from({ length: itemCount }, (_, item) => itemIdOf(item)),
      itemsByUser,
      newestTimesMs: undefined,
      asOfMs: START_MS + count,
    },
    *events() {
      let offset = 0
      for (let item = 0; item < itemCount; item++) {
        const eventTimeMs = START_MS + offset
        yield {
          offset: offset++,
          availableTimeMs: eventTimeMs,
          event: {
            kind: 'entity',
            id: `e${item}`,
            entity: 'item',
            entityId: itemIdOf(item),
            change: 'put',
            attributes: { ...attributes[item]! },
            eventTimeMs,
          },
        }
      }
      for (let i = 0; i < count; i++) {
        const eventTimeMs = START_MS + offset
        yield {
          offset: offset++,
          availableTimeMs: eventTimeMs,
          event: {
            kind: 'interaction',
            id: `i${i}`,
            interaction: i % 10 === 0 ? 'purchase' : 'view',
            userId: userIdOf(users[i]!),
            itemId: itemIdOf(items[i]!),
            eventTimeMs,
          },
        }
      }
    },
  }
}

/**
 * Questions as a shop asks them: a known user who has just looked at two items, and a filter on category and price that keeps about half of
 * one category in thirty, or half of everything, in turn.
 */
export function makeQuestions(
  { itemCount, userCount }: ShopSize,
  questionCount: number,
  seed: number,
): readonly string[] {
  const rng = seededRng(seed).fork('questions')
  return Array.from({ length: questionCount }, (_, i) => {
    const topic = skewed(rng, topicCountOf(itemCount))
    const price = 20 + rng.integer(8) * 5
    const recent = [0, 1].map(() => ({ itemId: itemIdOf(itemOf(topic, rng, itemCount)), interaction: 'view' }))
    const category = `category = 'c${rng.integer(CATEGORY_COUNT)}' and `
    return JSON.stringify({
      placement: 'home',
      userId: userIdOf(rng.integer(userCount)),
      recent,
      filter: `${i % 2 === 0 ? category : ''}price < ${price}`,
    })
  })
}

export const topicCountOf = (itemCount: number): number => Math.max(10, Math.round(itemCount / ITEMS_PER_TOPIC))

// Topics overlap by half, so that no topic is an island.
export const itemOf = (topic: number, rng: Rng, itemCount: number): number =>
  (topic * ITEMS_PER_TOPIC + skewed(rng, ITEMS_PER_TOPIC * 1.5)) % itemCount

/** An index below `count`, the first ones much more often: density falls with about the square root. */
export const skewed = (rng: Rng, count: number): number => Math.floor(count * rng.next() ** 2)

export const attributesOf = (rng: Rng): ItemAttributes => ({
  title: `Thing ${rng.integer(1_000_000)}`,
  category: `c${rng.integer(CATEGORY_COUNT)}`,
  brand: `b${skewed(rng, BRAND_COUNT)}`,
  price: 1 + rng.integer(8000) / 100,
  stock: rng.integer(20),
})
