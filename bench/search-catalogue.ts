// Catalogues of titles, ready to be searched.
import type { Plan } from '../src/config/plan.ts'
import type { LogEvent } from '../src/domain/event.ts'
import { type Rng, seededRng } from '../src/lib/rng.ts'
import { LiveState } from '../src/serving/live-state.ts'
import { ItemSearch } from '../src/serving/search/item-search.ts'

const data = {
  entities: {
    user: {},
    item: { title: { type: 'text', isOptional: false }, price: { type: 'number', isOptional: true } },
  },
  interactions: { purchase: { weight: 1 } },
} as unknown as Plan['data']

export interface SearchedCatalogue {
  readonly live: LiveState
  readonly search: ItemSearch
  log(event: LogEvent): void
}

export function searchedCatalogue(titles: Iterable<readonly [itemId: string, title: string]>): SearchedCatalogue {
  const live = new LiveState({ data, serving: { placements: {} } as Plan['serving'] })
  let offset = 0
  const log = (event: LogEvent): void => live.apply([{ offset: offset++, availableTimeMs: 0, event }])
  for (const [itemId, title] of titles) log(put(itemId, { title, price: offset % 100 }))
  const onFailure = (error: unknown): never => {
    throw error
  }
  return { live, log, search: new ItemSearch({ plan: { data }, live, newRequestId: () => 'r', onFailure }) }
}

export const put = (entityId: string, attributes: { title: string; price?: number }, eventTimeMs = 1): LogEvent => ({
  kind: 'entity',
  id: `${entityId}-${eventTimeMs}`,
  entity: 'item',
  entityId,
  change: 'put',
  attributes,
  eventTimeMs,
})

/** Titles of 3 to 8 words, of which the n-th most frequent is as frequent as words are (Zipf); syllables make them look like words. */
export function madeTitles(count: number): readonly string[] {
  const rng = seededRng('titles')
  const words = Array.from({ length: Math.max(200, Math.round(Math.sqrt(count) * 100)) }, () => madeWord(rng))
  const rank = (): number => Math.floor(words.length ** rng.next()) - 1
  return Array.from({ length: count }, () => Array.from({ length: 3 + rng.integer(6) }, () => words[rank()]!).join(' '))
}

const SYLLABLES = [
  'ka',
  'ri',
  'lo',
  'men',
  'ta',
  'sel',
  'du',
  'pra',
  'vi',
  'no',
  'ster',
  'gal',
  'pen',
  'qui',
  'ho',
  'bra',
]

const madeWord = (rng: Rng): string =>
  Array.from({ length: 2 + rng.integer(3) }, () => SYLLABLES[rng.integer(SYLLABLES.length)]!).join('')
