// What every part of the demo needs: how it talks, whom it asks about, and what the shop says of its items.
import type { App, RunningSystem } from 'millrace'
import { createClient } from 'millrace/client'
import type system from './millrace.config.ts'

export type Say = (line?: string) => void

/** A customer with a handful of purchases, and something they have not bought. */
export const customer = '12353'
export const purchasedItem = '85099B'

export interface Shop {
  readonly app: App
  readonly running: RunningSystem
  readonly client: ReturnType<typeof clientOf>
  readonly catalogue: Catalogue
  readonly say: Say
}

export const clientOf = (url: string) => createClient<typeof system>({ url })

/** What the shop says of its items, by id. */
export type Catalogue = ReadonlyMap<string, Readonly<Record<string, unknown>>>

export async function catalogueOf(app: App): Promise<Catalogue> {
  const catalogue = new Map<string, Readonly<Record<string, unknown>>>()
  for (let offset = 0; ; ) {
    const batch = await app.log.read(offset, 1000)
    for (const { event } of batch) {
      if (event.kind === 'entity' && event.entity === 'item') catalogue.set(event.entityId, event.attributes)
    }
    // The import takes items and users first.
    if (!batch.some(({ event }) => event.kind === 'entity')) return catalogue
    offset = batch.at(-1)!.offset + 1
  }
}

export const titleOf = (catalogue: Catalogue, itemId: string): string => String(catalogue.get(itemId)?.title ?? itemId)

/** One item of a list, as the demo prints it. */
export interface Shown {
  readonly itemId: string
  readonly title: string
  readonly generator: string
}

export const shownOf = (
  catalogue: Catalogue,
  { items }: { readonly items: readonly { readonly itemId: string; readonly generator: string }[] },
): readonly Shown[] => items.map(({ itemId, generator }) => ({ itemId, title: titleOf(catalogue, itemId), generator }))

/** @param marked ids of items to be marked as new */
export function sayList(say: Say, list: readonly Shown[], marked: ReadonlySet<string> = new Set()): void {
  for (const [place, { itemId, title, generator }] of list.entries()) {
    const mark = marked.has(itemId) ? ', new' : ''
    say(`   ${String(place + 1).padStart(2)}. ${title}  (${generator}${mark})`)
  }
}

export const count = (n: number): string => n.toLocaleString('en-US')

export const secondsSince = (startMs: number): number => Number(((performance.now() - startMs) / 1000).toFixed(1))
