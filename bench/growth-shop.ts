// What the growth benchmark's shop did, event by event: made as it is taken in, since a hundred million events fit in no memory.
import type { EntityEvent, InteractionEvent } from '../src/domain/event.ts'
import { type Rng, seededRng } from '../src/lib/rng.ts'
import type { StoredEvent } from '../src/ports/event-log.ts'
import {
  attributesOf,
  itemIdOf,
  itemOf,
  type ShopSize,
  skewed,
  TOPICS_PER_USER,
  topicCountOf,
  userIdOf,
} from './load-shop.ts'

/** One place of the growth: everything that its cost may depend on. */
export interface GrowthPoint extends ShopSize {
  readonly candidateCount: number
}

/** Users that are asked about, evenly over all of them. Only they have features in the store. */
export const ASKED_USER_COUNT = 2000
/** The history is spread over so many days, up to now. */
export const HISTORY_MS = 40 * 86_400_000

export const askedUserIds = (userCount: number): readonly string[] =>
  Array.from({ length: ASKED_USER_COUNT }, (_, n) => userIdOf(Math.floor((n * userCount) / ASKED_USER_COUNT)))

/** The catalogue, one item a call. */
export function* itemEvents(itemCount: number, eventTimeMs: number, seed: number): Generator<EntityEvent> {
  const rng = seededRng(seed).fork('attributes')
  for (let item = 0; item < itemCount; item++) {
    const attributes = { ...attributesOf(rng) }
    const entityId = itemIdOf(item)
    yield { kind: 'entity', id: `e${item}`, entity: 'item', entityId, change: 'put', attributes, eventTimeMs }
  }
}

/** An interaction of that user with an item of one of the user's topics. */
export function interactionOf(
  userId: string,
  { n, itemCount, eventTimeMs }: { readonly n: number; readonly itemCount: number; readonly eventTimeMs: number },
  rng: Rng,
): InteractionEvent {
  // The topics follow from the user, so that nobody has to keep them.
  const own = seededRng(`${userId} ${rng.integer(TOPICS_PER_USER)}`)
  const topic = skewed(own, topicCountOf(itemCount))
  const itemId = itemIdOf(itemOf(topic, rng, itemCount))
  const interaction = n % 10 === 0 ? 'purchase' : 'view'
  return { kind: 'interaction', id: `i${n}`, interaction, userId, itemId, eventTimeMs }
}

/** Of the whole shop, in batches as the log gives them: items, then interactions of users in any order, every one about as often as another. */
export function* shopBatches(
  { itemCount, userCount, interactionsPerUser }: ShopSize,
  { nowMs, seed }: { readonly nowMs: number; readonly seed: number },
): Generator<readonly StoredEvent[]> {
  const fromMs = nowMs - HISTORY_MS
  const interactionCount = userCount * interactionsPerUser
  let batch: StoredEvent[] = []
  let offset = 0
  const take = (event: StoredEvent['event']): void => {
    batch.push({ offset: offset++, availableTimeMs: event.eventTimeMs, event })
  }
  for (const event of itemEvents(itemCount, fromMs, seed)) {
    take(event)
    if (batch.length === BATCH_LENGTH) {
      yield batch
      batch = []
    }
  }
  const rng = seededRng(seed).fork('interactions')
  for (let n = 0; n < interactionCount; n++) {
    const eventTimeMs = fromMs + Math.floor((n * HISTORY_MS) / interactionCount)
    take(interactionOf(userIdOf(rng.integer(userCount)), { n, itemCount, eventTimeMs }, rng))
    if (batch.length === BATCH_LENGTH) {
      yield batch
      batch = []
    }
  }
  yield batch
}

const BATCH_LENGTH = 10_000
