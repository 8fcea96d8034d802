// A simulated shop whose right answers are known, and models of it that are wrong in ways a gate must find.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { category, defineSystem, httpIngest, itemNeighbours, popularity } from 'millrace'
import { type App, openApp } from '../../src/app.ts'
import type { GateOptions } from '../../src/config/check-gates.ts'
import type { Duration } from '../../src/lib/duration.ts'
import { seededRng } from '../../src/lib/rng.ts'
import type { CandidateGenerator, GeneratorKind } from '../../src/ports/candidate-generator.ts'
import type { RankerKind } from '../../src/ports/ranker.ts'

export const DAY_MS = 86_400_000
const OPENED_MS = Date.UTC(2026, 0, 1)
/** When the history ends. */
export const NOW_MS = OPENED_MS + 60 * DAY_MS

const TASTE_COUNT = 4
const ITEMS_PER_TASTE = 20
const countries = ['DE', 'FR']

export interface GatedShop {
  readonly clock: { nowMs: number; now(): number }
  /** Opens the shop with this leading model. Close it before the next is opened. */
  open(taste: GeneratorKind, options?: ShopOptions): Promise<App>
  remove(): void
}

export interface ShopOptions {
  readonly gates?: false | GateOptions | undefined
  readonly seed?: number | undefined
  /** Left out, lists are in the order of their leading generator. */
  readonly ranker?: RankerKind<never> | undefined
  /** How long after a moment a choice counts for the ranker. */
  readonly attribution?: Duration | undefined
  /** Views alone, unless it is said. */
  readonly interactions?: Readonly<Record<string, { readonly weight: number }>> | undefined
}

/** An empty shop; `fill` gives it a history. */
export function gatedShop(): GatedShop {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-gates-'))
  const clock = {
    nowMs: NOW_MS,
    now() {
      return this.nowMs
    },
  }
  return {
    clock,
    open: (taste, options) => openApp({ system: systemWith(taste, options), dataDir, clock }),
    remove: () => rmSync(dataDir, { recursive: true, force: true }),
  }
}

function systemWith(taste: GeneratorKind, options: ShopOptions = {}) {
  const { gates = {}, seed = 1, ranker, attribution = '1 day', interactions = { view: { weight: 1 } } } = options
  return defineSystem({
    name: 'gated-shop',
    data: {
      owner: 'data@test.example',
      entities: { user: { country: category() }, item: { shelf: category() } },
      interactions,
      sources: { shop: httpIngest() },
    },
    training: {
      owner: 'ml@test.example',
      seed,
      candidates: { taste, trending: popularity() },
      ...(ranker && { ranker, examples: { windows: 2, window: '10 days', attribution } }),
      // biome-ignore lint/suspicious/noExplicitAny: tests give groups by names that only run time checks.
      gates: gates as any,
    },
    serving: { owner: 'backend@test.example', placements: { home: { candidates: ['taste', 'trending'], limit: 10 } } },
    monitoring: { owner: 'sre@test.example' },
  })
}

/**
 * Users of four tastes, each half of them from one country; a user views items of their taste, some far more often than others, and now and then any other.
 * @param size.viewsPerUser spread evenly from `fromMs` to `untilMs`
 */
export async function fill(
  app: App,
  size: {
    readonly seed: number
    readonly userCount: number
    readonly viewsPerUser: number
    readonly fromMs?: number
    readonly untilMs?: number
  },
): Promise<void> {
  const { seed, userCount, viewsPerUser, fromMs = OPENED_MS, untilMs = NOW_MS } = size
  const rng = seededRng(seed)
  const source = { source: 'http', where: 'test' }
  await app.ingest.acceptEntityChanges(
    Array.from({ length: userCount }, (_, user) => ({
      entity: 'user' as const,
      entityId: `u${user}`,
      change: 'put' as const,
      attributes: { country: countryOf(user) },
      eventTime: OPENED_MS,
    })),
    source,
  )
  const views = Array.from({ length: userCount * viewsPerUser }, (_, n) => {
    const user = n % userCount
    const taste = rng.next() < 0.1 ? rng.integer(TASTE_COUNT) : tasteOf(user)
    const item = taste * ITEMS_PER_TASTE + Math.floor(rng.next() ** 1.5 * ITEMS_PER_TASTE)
    const eventTime = fromMs + Math.floor(((n + rng.next()) / (userCount * viewsPerUser)) * (untilMs - fromMs))
    return { id: `${fromMs}-${n}`, interaction: 'view', userId: `u${user}`, itemId: `i${item}`, eventTime }
  })
  await app.ingest.acceptEvents(views, source)
}

const tasteOf = (user: number): number => user % TASTE_COUNT
/** Tastes 0 and 1 are those of the first country. */
const countryOf = (user: number): string => countries[tasteOf(user) < 2 ? 0 : 1]!

/** Half of the items, by their id, are of the tastes of the first country. */
export const isOfFirstCountry = (itemId: string): boolean => Number(itemId.slice(1)) < 2 * ITEMS_PER_TASTE

/** A sound model, with its training or its answers changed. */
export function changed(
  kind: string,
  change: {
    readonly data?: (data: Parameters<GeneratorKind['train']>[0]) => Parameters<GeneratorKind['train']>[0]
    readonly answer?: (sound: CandidateGenerator, ...question: Parameters<CandidateGenerator['generate']>) => number
  },
): GeneratorKind {
  const sound = itemNeighbours({ shrinkage: 1 })
  const { data = (same) => same, answer } = change
  const self: GeneratorKind = {
    ...sound,
    kind,
    with: () => self,
    train: (given, context) => sound.train(data(given), context),
    open: (artifacts, size) => {
      const opened = sound.open(artifacts, size)
      if (!answer) return opened
      return {
        supportsEmptyHistory: opened.supportsEmptyHistory,
        generate: (...question) => answer(opened, ...question),
      }
    },
  }
  return self
}
