// `millrace/client`: asks a Millrace server from Node or a browser. No dependencies; everything goes through `fetch`.
//
//   import { createClient } from 'millrace/client'
//   import type system from './millrace.config.ts'
//   const client = createClient<typeof system>({ url: 'https://recommend.shop.example', key })
//   const { items } = await client.recommend({ placement: 'home', userId: 'u1' })

import { platformTime } from './client/client-time.ts'
import { type Call, type CallOptions, Connection, type ConnectionOptions } from './client/connection.ts'
import { eventQueue, type TrackingOptions } from './client/event-queue.ts'
import type { AttributeValue } from './domain/event.ts'
import type { ToldAnswer } from './domain/explained-answer.ts'
import type {
  RankRequest,
  RankResponse,
  RecommendedItem,
  RecommendRequest,
  RecommendResponse,
} from './domain/recommendation.ts'
import type { DuplicatesResponse, SearchRequest, SearchResponse } from './domain/search.ts'
import type { Named, SystemNames } from './domain/system-names.ts'

export { MillraceApiError } from './client/api-error.ts'
export type { ClientTime } from './client/client-time.ts'
export type { CallOptions, ConnectionOptions } from './client/connection.ts'
export type { DroppedEvents, RejectedEvent, TrackingOptions } from './client/event-queue.ts'
export type { ToldAnswer } from './domain/explained-answer.ts'
export type { RankResponse, RecommendedItem, RecommendResponse, Shortfall } from './domain/recommendation.ts'
export type { DuplicatesResponse, FoundItem, SearchRequest, SearchResponse } from './domain/search.ts'

/** An explanation is waited for longer than an answer. */
const EXPLANATION_MS = 60_000

/** Where no system is given, every name is allowed. */
export type NamesOf<System> = System extends Named<infer Names> ? Names : AnyNames

interface AnyNames extends SystemNames {
  readonly itemPlacement: never
  readonly item: Readonly<Record<string, AttributeValue>>
  readonly user: Readonly<Record<string, AttributeValue>>
}

/** Milliseconds since 1970, an ISO 8601 text, or a `Date`. */
export type EventTime = number | string | Date

export interface ClientEvent<Interaction extends string = string> {
  readonly kind?: 'interaction'
  /** Unique for ever. A random one is made where it is left out, so that retries never count twice. */
  readonly id?: string
  readonly interaction: Interaction
  readonly userId: string
  readonly itemId: string
  /** The moment of the call where it is left out. */
  readonly eventTime?: EventTime
  readonly weight?: number
  /** What else was measured, by the names that the interaction declares; each at most 1e9 in size. */
  readonly values?: Readonly<Record<string, number>>
}

/** A list of items was shown to a user. */
export interface ClientImpression {
  readonly kind: 'impression'
  /** The `requestId` of the answer that was shown, where it came from here. A random one is made where it is left out. */
  readonly id?: string
  readonly userId: string
  /** In the order shown; at most 1,000, each once. */
  readonly itemIds: readonly string[]
  /** The moment of the call where it is left out. */
  readonly eventTime?: EventTime
  readonly placement?: string
  readonly modelVersion?: string
  readonly rung?: string
  /** One an item: what they were ordered by. */
  readonly scores?: readonly number[]
  /** One an item, in (0, 1]: how likely it was to be shown at its place. */
  readonly propensities?: readonly number[]
}

export interface ClientEntity<Attributes> {
  readonly id: string
  readonly attributes: Attributes
  readonly eventTime?: EventTime
}

/** What became of a batch. */
export interface IntakeAnswer {
  /** Stored durably, and new. */
  readonly acceptedCount: number
  /** Known already by id. */
  readonly duplicateCount: number
  /** Not accepted; kept in the server's quarantine. `position` is the place in the given list. */
  readonly rejected: readonly { readonly position: number; readonly reason: string; readonly message: string }[]
}

export interface ModelDescription {
  readonly version: string
  /** `retired`: being deleted. Deleted ones are not listed. */
  readonly status: 'registered' | 'retired'
  readonly aliases: readonly ('champion' | 'challenger' | 'previous')[]
  /** Whether the server answers from it. */
  readonly isAnswering: boolean
  readonly trainedAt: string
  readonly userCount: number
  readonly itemCount: number
  readonly interactionCount: number
  readonly generators: readonly { readonly name: string; readonly kind: string }[]
  readonly metrics: readonly {
    readonly name: string
    readonly value: number
    readonly interval: readonly [number, number]
  }[]
}

export interface FeatureQuestion {
  /** One of the two ids, or both. */
  readonly userId?: string
  readonly itemId?: string
  /** Names; all that the ids suffice for where they are left out. */
  readonly features?: readonly string[]
  /** An earlier moment: the values of a training row. Now where it is left out. */
  readonly at?: EventTime
  /** With `at`: what came late counts from when it happened, not from when it was known. */
  readonly asKnownNow?: boolean
}

export interface FeatureValues {
  /** The moment that the values are for, ISO 8601. */
  readonly asOf: string
  /** Of an earlier moment: where the event log begins. Above 0 retention has removed what came before, which these values lack. */
  readonly firstOffset?: number
  readonly features: readonly {
    readonly name: string
    readonly status: 'present' | 'missing' | 'stale' | 'default'
    /** Left out where there is none. */
    readonly value?: number | boolean | string | readonly string[] | Readonly<Record<string, number>>
    /** Of the newest event behind the value, ISO 8601. */
    readonly newestEventTime?: string
  }[]
}

/** One name of the system, or, where it is none, one that the editor does not know. */
type Suggested<Name extends string> = Name | (string & Record<never, never>)

/** An answer; the generators are completed, and "popular" stands for what fills a list that they could not. */
export interface RecommendAnswer<Names extends SystemNames = AnyNames>
  extends Omit<RecommendResponse, 'placement' | 'items'> {
  readonly placement: Names['placement']
  readonly items: readonly (Omit<RecommendedItem, 'generator'> & {
    readonly generator: Suggested<Names['generator']>
  })[]
}

type IsKnown<Name extends string> = string extends Name ? false : true

/** What the visitor did just now, oldest first, where it is not sent as events. */
type Recent<Names extends SystemNames> = readonly {
  readonly itemId: string
  readonly interaction?: Names['interaction']
}[]

type RankQuestion<Names extends SystemNames> = Omit<RankRequest, 'recent'> & { readonly recent?: Recent<Names> }

/** Which placement, and for which item where the placement shows items like a given one. */
type PlacementQuestion<Names extends SystemNames> =
  IsKnown<Names['placement']> extends true
    ?
        | { readonly placement: Names['itemPlacement']; readonly itemId: string; readonly itemIds?: never }
        | { readonly placement: Names['itemPlacement']; readonly itemIds: readonly string[]; readonly itemId?: never }
        | {
            readonly placement: Exclude<Names['placement'], Names['itemPlacement']>
            readonly itemId?: never
            readonly itemIds?: never
          }
    : { readonly placement: string; readonly itemId?: string; readonly itemIds?: readonly string[] }

type RecommendQuestion<Names extends SystemNames> = Omit<
  RecommendRequest,
  'placement' | 'itemId' | 'itemIds' | 'recent' | 'alreadyShown'
> &
  PlacementQuestion<Names> & {
    readonly recent?: Recent<Names>
  }

type SimilarQuestion<Names extends SystemNames> = Pick<RecommendRequest, 'userId' | 'filter' | 'limit' | 'after'> & {
  readonly placement?: IsKnown<Names['placement']> extends true ? Names['itemPlacement'] : string
}

interface ChangeOptions extends CallOptions {
  readonly eventTime?: EventTime
}

/** Of a client: of its connection, and of the events that it gathers. */
export interface ClientOptions<Interaction extends string = string> extends ConnectionOptions {
  /** How `track` gathers and sends. */
  readonly tracking?: TrackingOptions<ClientEvent<Interaction> | ClientImpression>
}

/** Every method that returns a promise rejects with `MillraceApiError`. Lost or overloaded calls are repeated, which is safe for all of them. */
export interface MillraceClient<Names extends SystemNames = AnyNames> {
  recommend(question: RecommendQuestion<Names>, options?: CallOptions): Promise<RecommendAnswer<Names>>
  similar(itemId: string, question?: SimilarQuestion<Names>, options?: CallOptions): Promise<RecommendAnswer<Names>>
  /** Items that fit some words, best first. */
  search(question: SearchRequest, options?: CallOptions): Promise<SearchResponse>
  /** A list of 1 to 1,000 items in order for a user; unknown ones come last and are named. */
  rank(question: RankQuestion<Names>, options?: CallOptions): Promise<RankResponse>
  /** Items whose texts say the same as those of the given one. */
  duplicates(itemId: string, options?: CallOptions): Promise<DuplicatesResponse>
  /** Why an answer is as it is, by its `requestId`, and why `itemId` is not in it. The server plays its log again for it, once more where the candidates were not kept: some ten seconds for a million events, and no more than a minute is waited by default. Needs records of answers, which a server keeps unless told otherwise. */
  explain(requestId: string, question?: { readonly itemId?: string }, options?: CallOptions): Promise<ToldAnswer>
  /** Any number; sent in batches of 1,000, one after another. */
  sendEvents(
    events: readonly (ClientEvent<Names['interaction']> | ClientImpression)[],
    options?: CallOptions,
  ): Promise<IntakeAnswer>
  /**
   * Queues an event and returns at once. Queued events are sent in batches and in order, with an id and the time of this call where they have none, and again for as long
   * as the server cannot be reached. `tracking` says in which portions, and who is told of those that are rejected or dropped.
   */
  track(event: ClientEvent<Names['interaction']> | ClientImpression): void
  /** Sends what `track` has queued. Where that fails the events go on waiting. */
  flush(): Promise<void>
  /** To be called before the process ends: sends what `track` has queued, and drops what cannot be sent at once. Other methods go on working. */
  close(): Promise<void>
  putItem(id: string, attributes: Names['item'], options?: ChangeOptions): Promise<IntakeAnswer>
  patchItem(id: string, attributes: Partial<Names['item']>, options?: ChangeOptions): Promise<IntakeAnswer>
  deleteItem(id: string, options?: CallOptions): Promise<IntakeAnswer>
  /** Any number; sent in batches of 1,000, one after another. */
  putItems(items: readonly ClientEntity<Names['item']>[], options?: CallOptions): Promise<IntakeAnswer>
  putUser(id: string, attributes: Names['user'], options?: ChangeOptions): Promise<IntakeAnswer>
  patchUser(id: string, attributes: Partial<Names['user']>, options?: ChangeOptions): Promise<IntakeAnswer>
  deleteUser(id: string, options?: CallOptions): Promise<IntakeAnswer>
  /** Any number; sent in batches of 1,000, one after another. */
  putUsers(users: readonly ClientEntity<Names['user']>[], options?: CallOptions): Promise<IntakeAnswer>
  /** What is known of a user, an item or both in numbers, now or at an earlier moment, which takes a second or more. */
  featureValues(question: FeatureQuestion, options?: CallOptions): Promise<FeatureValues>
  /** Newest training first; empty before the first. */
  models(options?: CallOptions): Promise<readonly ModelDescription[]>
}

const BATCH_COUNT = 1000

/**
 * A client of one server. With the type of a system file, `createClient<typeof system>`, or with one that "millrace client" wrote, placements, interactions and attributes are
 * checked and completed; without one, every name is allowed.
 */
export function createClient<System = undefined>(
  options: ClientOptions<NamesOf<System>['interaction']>,
): MillraceClient<NamesOf<System>> {
  const connection = new Connection(options)
  const time = options.time ?? platformTime
  const call = <Answer>(method: Call['method'], path: string, rest: Partial<Call> = {}): Promise<Answer> =>
    connection.call({ method, path, ...rest }) as Promise<Answer>

  const sendAll = async (
    rows: readonly object[],
    send: (batch: readonly object[]) => Promise<IntakeAnswer>,
  ): Promise<IntakeAnswer> => {
    const answers: IntakeAnswer[] = []
    for (let start = 0; start < rows.length; start += BATCH_COUNT) {
      answers.push(shifted(await send(rows.slice(start, start + BATCH_COUNT)), start))
    }
    return merged(answers)
  }
  const changes = (entity: 'items' | 'users') => {
    const change =
      (method: 'PUT' | 'PATCH') =>
      (id: string, attributes: object, { eventTime, ...rest }: ChangeOptions = {}) =>
        call<IntakeAnswer>(method, `/v1/${entity}/${encodeURIComponent(id)}`, {
          body: { attributes, eventTime },
          ...rest,
        })
    return {
      put: change('PUT'),
      patch: change('PATCH'),
      remove: (id: string, rest?: CallOptions) =>
        call<IntakeAnswer>('DELETE', `/v1/${entity}/${encodeURIComponent(id)}`, rest),
      putMany: (list: readonly object[], rest?: CallOptions) =>
        sendAll(list, (batch) => call('PUT', `/v1/${entity}`, { body: { [entity]: batch }, ...rest })),
    }
  }
  const items = changes('items')
  const users = changes('users')

  type Event = ClientEvent<NamesOf<System>['interaction']> | ClientImpression
  // Made before the first attempt: a repeated one carries the same id and time.
  const complete = (event: Event): Event => ({
    id: crypto.randomUUID(),
    eventTime: new Date(time.now()).toISOString(),
    ...event,
  })
  const sendEvents = (events: readonly Event[], rest?: CallOptions) =>
    sendAll(events, (batch) => call('POST', '/v1/events', { body: { events: batch }, ...rest }))
  const queue = eventQueue<Event>((batch) => sendEvents(batch), { ...options.tracking, time })

  return {
    recommend: (question, rest) => call('POST', '/v1/recommend', { body: question, ...rest }),
    similar: (itemId, question = {}, rest) =>
      call('GET', `/v1/items/${encodeURIComponent(itemId)}/similar${queryOf(question)}`, rest),
    search: (question, rest) => call('POST', '/v1/search', { body: question, ...rest }),
    rank: (question, rest) => call('POST', '/v1/rank', { body: question, ...rest }),
    duplicates: (itemId, rest) => call('GET', `/v1/items/${encodeURIComponent(itemId)}/duplicates`, rest),
    explain: (requestId, { itemId } = {}, rest) =>
      call('GET', `/v1/explain/${encodeURIComponent(requestId)}${queryOf({ item: itemId })}`, {
        timeoutMs: EXPLANATION_MS,
        ...rest,
      }),
    sendEvents: (events, rest) => sendEvents(events.map(complete), rest),
    track: (event) => queue.add(complete(event)),
    flush: queue.flush,
    close: queue.close,
    putItem: items.put,
    patchItem: items.patch,
    deleteItem: items.remove,
    putItems: items.putMany,
    putUser: users.put,
    patchUser: users.patch,
    deleteUser: users.remove,
    putUsers: users.putMany,
    featureValues: ({ features, at, ...question }, rest) => {
      const moment = at === undefined ? undefined : new Date(at).toISOString()
      const query = queryOf({ ...question, features: features?.join(','), at: moment })
      return call('GET', `/v1/features/values${query}`, rest)
    },
    models: async (rest) => (await call<{ models: readonly ModelDescription[] }>('GET', '/v1/models', rest)).models,
  }
}

function queryOf(question: object): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(question)) if (value !== undefined) parameters.set(name, String(value))
  return parameters.size === 0 ? '' : `?${parameters}`
}

const shifted = (answer: IntakeAnswer, start: number): IntakeAnswer => ({
  ...answer,
  rejected: answer.rejected.map((rejection) => ({ ...rejection, position: rejection.position + start })),
})

const merged = (answers: readonly IntakeAnswer[]): IntakeAnswer => ({
  acceptedCount: answers.reduce((sum, answer) => sum + answer.acceptedCount, 0),
  duplicateCount: answers.reduce((sum, answer) => sum + answer.duplicateCount, 0),
  rejected: answers.flatMap((answer) => answer.rejected),
})
