// `millrace/browser`: collects what visitors of a web page see and do. One file that imports nothing, so that a page may load it as it is.
//
//   const collector = createCollector({ url: 'https://recommend.shop.example', key })
//   collector.shown(answer)
//   collector.clicked({ interaction: 'view', itemId: 'lamp-3', requestId: answer.requestId, position: 1 })
//
// It neither asks for recommendations nor decides what a page may remember. Every event has an id, so that sending one twice, from two tabs or
// while a page is being left, counts once.
import type { ClientEvent, ClientImpression, NamesOf } from '../client.ts'

type Sent = (ClientEvent | ClientImpression) & { readonly id: string }

interface Waiting {
  /** Its key on the shelf. */
  readonly place: string
  readonly text: string
  readonly event: Sent
}

/** What the server did not take, or what will not be sent. Never sent again. */
export interface LostEvent {
  readonly event: ClientEvent | ClientImpression
  /** `QUEUE_FULL`: newer ones needed the room. `TOO_LARGE`: no beacon could carry it. `REFUSED`: the server refuses all of them, for its key for example. Else why the server rejected it. */
  readonly reason: string
  readonly message: string
}

export interface CollectorOptions {
  /** Of the server, or of a path of the page's own server that passes requests on to it. */
  readonly url: string
  /** One of the scope `collect`: whoever reads the page can read it. */
  readonly key?: string
  /** Who the visitor is, where the page knows better than a random id. */
  readonly visitorId?: string
  /**
   * Whether the visitor agreed that the page keeps things in the browser: the visitor's id, and events that are not sent yet, which then survive a reload. False where it is left out:
   * then both last as long as the page.
   */
  readonly remember?: boolean
  /** Sent as soon as there are so many, in [1, 1000]; 50 where it is left out. */
  readonly batchCount?: number
  /** An event waits no longer than this for others; 2 s where it is left out. */
  readonly delayMs?: number
  /** So many events wait at most; beyond that the oldest are given up. 1,000 where it is left out. */
  readonly queueCount?: number
  readonly onLost?: (lost: readonly LostEvent[]) => void
  /** Instead of the browser's own, for tests. */
  readonly page?: Page
}

/** Where an item was clicked. */
export interface Click<Interaction extends string> {
  readonly interaction: Interaction
  readonly itemId: string
  /** Of the answer that brought the item. */
  readonly requestId: string
  /** In the list, from 1. */
  readonly position: number
  readonly values?: Readonly<Record<string, number>>
}

/** As `recommend` answers. */
export interface ShownAnswer {
  readonly requestId: string
  readonly placement: string
  readonly modelVersion: string
  readonly rung: string
  readonly items: readonly { readonly itemId: string; readonly score: number }[]
}

/** An event without what the collector knows itself. */
export type PageEvent<Interaction extends string> =
  | Omit<ClientEvent<Interaction>, 'userId'>
  | Omit<ClientImpression, 'userId'>

export interface Collector<Interaction extends string = string> {
  /** Under which the visitor's events go unless `identify` said better. */
  readonly visitorId: string
  /** Queues an event and returns at once. */
  track(event: PageEvent<Interaction>): void
  /** Records a list that was shown. Where the server records its answers itself, it is recognised by its id and counts once. */
  shown(answer: ShownAnswer): void
  /** Queues an interaction with an item of an answer. A further one of the same kind at the same place of the same list counts once. */
  clicked(click: Click<Interaction>): void
  /** From now on events are of this user; of the anonymous visitor again where it is left out. What was before stays the visitor's. */
  identify(userId?: string): void
  /** The visitor has agreed: what is known from now on survives a reload. */
  remember(): void
  /** The visitor has taken that back: what the browser keeps is removed, events that are not sent yet included. */
  forget(): void
  /** Sends what waits now, and resolves when that was tried. */
  flush(): Promise<void>
  /** Leaves the page as it was, and sends what waits as if the page were left. */
  close(): void
}

/** What is used of a browser. */
export interface Page {
  readonly document: { readonly visibilityState: string } & Listening
  readonly navigator: {
    readonly onLine?: boolean
    readonly sendBeacon?: (url: string, body: string) => boolean
    readonly locks?: {
      request(name: string, options: { ifAvailable: true }, work: (lock: unknown) => Promise<void>): Promise<unknown>
    }
  }
  /** May throw, where the visitor has blocked it. */
  readonly localStorage?: PageStorage
  readonly fetch: (
    url: string,
    init: object,
  ) => Promise<{
    readonly ok: boolean
    readonly status: number
    readonly headers: { get(name: string): string | null }
    text(): Promise<string>
  }>
  setTimeout(run: () => void, durationMs: number): unknown
  clearTimeout(timer: never): void
  addEventListener: Listening['addEventListener']
  removeEventListener: Listening['removeEventListener']
}

interface Listening {
  addEventListener(kind: string, run: () => void): void
  removeEventListener(kind: string, run: () => void): void
}

interface PageStorage {
  readonly length: number
  key(index: number): string | null
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** Browsers take 64 KiB in all requests that may outlive a page; what the batch itself adds has to fit, too. */
const BODY_BYTES_MAX = 60_000
/** Of one request; while it hangs, other tabs wait. */
const TIMEOUT_MS = 20_000
/** Below 500, but nothing that is wrong with the events. */
const passingStatuses = [408, 425, 429]
const FIRST_REST_MS = 1000
const REST_MS_MAX = 300_000
const ID_BYTES_MAX = 256
const VISITOR_KEY = 'millrace:visitor'
const EVENT_KEY = 'millrace:event:'

/**
 * Collects the events of one page. With the type of a system file, `createCollector<typeof system>`, its interactions are checked.
 * Answers of the server are not waited for while a page is being left: without a key by `sendBeacon`, with one by a `fetch` that outlives the page.
 */
export function createCollector<System = undefined>(
  options: CollectorOptions,
): Collector<NamesOf<System>['interaction']> {
  const { key, batchCount = 50, delayMs = 2000, queueCount = 1000, onLost = () => {} } = options
  const page = options.page ?? (globalThis as unknown as Page)
  const url = `${options.url.replace(/\/+$/, '')}/v1/events`
  const shelf = eventShelf(page)
  if (options.remember) shelf.keep()
  const visitorId = options.visitorId ?? shelf.visitorId()
  let userId = visitorId
  let timer: unknown
  let failureCount = 0
  let sequence = 0
  let sending: Promise<void> | undefined
  /** Queued by this page; other tabs take care of their own when they are left. */
  const own = new Set<string>()
  /** On their way in a request that outlives the page. */
  const leaving = new Set<string>()
  const isFree = (place: string) => !leaving.has(place)

  function add(event: object): void {
    const nowMs = Date.now()
    const sent = { id: uuid(), eventTime: new Date(nowMs).toISOString(), userId, ...event } as Sent
    const text = JSON.stringify(sent)
    if (bytesOf(text) >= BODY_BYTES_MAX) {
      onLost([{ event: sent, reason: 'TOO_LARGE', message: `It has ${BODY_BYTES_MAX} bytes or more.` }])
      return
    }
    // In the order of time, then of this page; keys of two tabs never meet.
    const place = `${EVENT_KEY}${nowMs.toString(36).padStart(9, '0')}:${(sequence++).toString(36).padStart(6, '0')}:${sent.id}`
    shelf.put(place, text)
    own.add(place)
    const keys = shelf.keys()
    const surplus = keys.slice(0, Math.max(0, keys.length - queueCount))
    if (surplus.length > 0) giveUp(shelf.read(surplus), 'QUEUE_FULL', `More than ${queueCount} events waited.`)
    // What comes while others are sent is seen when that ends.
    if (sending !== undefined) return
    if (keys.length >= batchCount && failureCount === 0) void flush()
    else later(delayMs)
  }

  function giveUp(waiting: readonly Waiting[], reason: string, message: string): void {
    remove(waiting)
    onLost(waiting.map(({ event }) => ({ event, reason, message })))
  }

  function remove(waiting: readonly Waiting[]): void {
    for (const { place } of waiting) {
      shelf.remove(place)
      own.delete(place)
    }
  }

  function later(durationMs: number): void {
    timer ??= page.setTimeout(() => {
      timer = undefined
      void flush()
    }, durationMs)
  }

  function stopTimer(): void {
    if (timer !== undefined) page.clearTimeout(timer as never)
    timer = undefined
  }

  /** One sender for all tabs where the browser can tell them apart; otherwise two may send the same, which counts once. */
  function flush(): Promise<void> {
    stopTimer()
    sending ??= alone(page, sendAll).finally(() => {
      sending = undefined
      if (shelf.keys().some(isFree)) {
        // Spread, so that a thousand pages do not come back at once.
        const restMs = Math.min(REST_MS_MAX, FIRST_REST_MS * 2 ** failureCount)
        later(failureCount === 0 ? delayMs : restMs * (0.5 + Math.random()))
      }
    })
    return sending
  }

  async function sendAll(): Promise<void> {
    for (;;) {
      const batch = shelf.fitting(isFree, batchCount)
      if (batch.length === 0 || page.navigator.onLine === false) return
      if (!(await sendBatch(batch, false))) return void failureCount++
      failureCount = 0
    }
  }

  /** @returns whether these events need no further attempt */
  async function sendBatch(batch: readonly Waiting[], keepalive: boolean): Promise<boolean> {
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (key !== undefined) headers.authorization = `Bearer ${key}`
    const request = { method: 'POST', headers, body: bodyOf(batch), keepalive, credentials: 'omit' }
    try {
      const response = await page.fetch(url, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) })
      const text = await response.text()
      if (response.ok) {
        const { rejected } = JSON.parse(text) as { rejected: { position: number; reason: string; message: string }[] }
        remove(batch)
        const lost = rejected.map(({ position, ...why }) => ({ ...why, event: batch[position]!.event }))
        if (lost.length > 0) onLost(lost)
        return true
      }
      if (response.status >= 500 || passingStatuses.includes(response.status)) return false
      giveUp(batch, 'REFUSED', `The server answers with status ${response.status}: ${text.slice(0, 300)}`)
      return true
    } catch {
      return false
    }
  }

  /** Those under way in an ordinary request are sent again: it may die with the page. */
  function leave(): void {
    if (page.navigator.onLine === false) return
    const batch = shelf.fitting((place) => own.has(place) && isFree(place), Number.POSITIVE_INFINITY)
    if (batch.length === 0) return
    if (key === undefined && page.navigator.sendBeacon !== undefined) {
      if (page.navigator.sendBeacon(url, bodyOf(batch))) remove(batch)
      return
    }
    for (const { place } of batch) leaving.add(place)
    void sendBatch(batch, true).finally(() => {
      for (const { place } of batch) leaving.delete(place)
      if (shelf.keys().length > 0 && sending === undefined) later(delayMs)
    })
  }

  const leaveWhenHidden = () => {
    if (page.document.visibilityState === 'hidden') leave()
  }
  const comeOnline = () => {
    failureCount = 0
    void flush()
  }
  page.document.addEventListener('visibilitychange', leaveWhenHidden)
  page.addEventListener('pagehide', leave)
  page.addEventListener('online', comeOnline)
  // What an earlier page left behind.
  if (shelf.keys().length > 0) later(delayMs)

  return {
    visitorId,
    track: add,
    shown: ({ requestId, placement, modelVersion, rung, items }) =>
      add({
        kind: 'impression',
        id: requestId,
        placement,
        modelVersion,
        rung,
        itemIds: items.map(({ itemId }) => itemId),
        scores: items.map(({ score }) => score),
      }),
    clicked({ requestId, position, ...interaction }) {
      // With the visitor: an answer may come from a cache that many share.
      const id = [requestId, position, interaction.interaction, userId].join(':')
      add(bytesOf(id) > ID_BYTES_MAX ? interaction : { ...interaction, id })
    },
    identify: (id = visitorId) => {
      userId = id
    },
    remember: shelf.keep,
    forget() {
      shelf.clear()
      own.clear()
    },
    flush,
    close() {
      stopTimer()
      page.document.removeEventListener('visibilitychange', leaveWhenHidden)
      page.removeEventListener('pagehide', leave)
      page.removeEventListener('online', comeOnline)
      leave()
    },
  }
}

/** Runs the work unless another tab is running it. */
async function alone({ navigator }: Page, work: () => Promise<void>): Promise<void> {
  if (navigator.locks === undefined) return work()
  await navigator.locks.request('millrace', { ifAvailable: true }, async (lock) => {
    if (lock !== null) await work()
  })
}

/**
 * Events by key: in memory, and once `keep` was called in the browser's storage, as far as that takes them. Each has a key of its own there, so that tabs never
 * overwrite each other's.
 */
function eventShelf(page: Page) {
  const memory = new Map<string, string>()
  let storage: PageStorage | undefined
  let visitor: string | undefined

  const inStorage = <T>(use: (storage: PageStorage) => T, otherwise: T): T => {
    try {
      return storage === undefined ? otherwise : use(storage)
    } catch {
      // Full, or blocked by the visitor: memory has to do.
      return otherwise
    }
  }
  const get = (key: string) => memory.get(key) ?? inStorage((kept) => kept.getItem(key), null)
  const put = (key: string, text: string) => {
    const isKept = inStorage((kept) => {
      kept.setItem(key, text)
      return true
    }, false)
    if (!isKept) memory.set(key, text)
  }
  const remove = (key: string) => {
    memory.delete(key)
    inStorage((kept) => kept.removeItem(key), undefined)
  }
  const keys = () => {
    const stored = inStorage((kept) => Array.from({ length: kept.length }, (_, i) => kept.key(i)!), [])
    return [...memory.keys(), ...stored.filter((key) => key?.startsWith(EVENT_KEY))].sort()
  }
  /** What is still there of them; another tab may have sent some. */
  const read = (places: readonly string[]): Waiting[] =>
    places.flatMap((place) => {
      const text = get(place)
      if (text === null) return []
      try {
        return [{ place, text, event: JSON.parse(text) as Sent }]
      } catch {
        // Not from here.
        remove(place)
        return []
      }
    })

  return {
    put,
    remove,
    /** Oldest first. */
    keys,
    read,
    /** The oldest of those that qualify, as many as one body has room for. */
    fitting(qualifies: (place: string) => boolean, countMax: number): readonly Waiting[] {
      const waiting = read(keys().filter(qualifies).slice(0, countMax))
      let bytes = 0
      const end = waiting.findIndex(({ text }) => (bytes += bytesOf(text) + 1) > BODY_BYTES_MAX)
      return end < 0 ? waiting : waiting.slice(0, end)
    },
    visitorId(): string {
      visitor ??= inStorage((kept) => kept.getItem(VISITOR_KEY), null) ?? uuid()
      const id = visitor
      inStorage((kept) => kept.setItem(VISITOR_KEY, id), undefined)
      return id
    },
    keep() {
      try {
        storage = page.localStorage
      } catch {
        return
      }
      const id = visitor
      if (id !== undefined) inStorage((kept) => kept.setItem(VISITOR_KEY, id), undefined)
      for (const [key, text] of [...memory]) {
        memory.delete(key)
        put(key, text)
      }
    },
    clear() {
      for (const key of [...keys(), VISITOR_KEY]) remove(key)
      storage = undefined
    },
  }
}

const bodyOf = (batch: readonly Waiting[]): string => `{"events":[${batch.map(({ text }) => text)}]}`

/** `crypto.randomUUID` is there for pages over TLS only. */
const uuid = (): string =>
  crypto.randomUUID?.() ??
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')

const bytesOf = (text: string): number => new TextEncoder().encode(text).length
