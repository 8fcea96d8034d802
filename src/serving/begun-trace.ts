// The beginning of a trace: what the rules say that decide which items may be shown, whoever asks.

import type { Catalogue } from './catalogue.ts'
import { bitCount } from './item-bitmap.ts'
import type { ItemBitmaps } from './item-bitmaps.ts'
import type { ItemIndexes } from './item-indexes.ts'
import type { Placement } from './placement.ts'
import type { TraceQuestion } from './question.ts'
import { RuleTracer } from './rules/rule-tracer.ts'

interface TraceSource {
  readonly catalogue: Catalogue
  readonly indexes: ItemIndexes
  readonly bitmaps: ItemBitmaps
}

/** A tracer that knows of the `only` and `blocked` rules already. Linear in the items. */
export function begunTrace(
  placement: Placement,
  { itemIds }: TraceQuestion,
  { catalogue, indexes, bitmaps }: TraceSource,
): RuleTracer {
  const idOf = (index: number): string => catalogue.idOf(indexes.rowOf(index))
  const tracer = new RuleTracer(placement.plan, { idOf })
  const all = bitmaps.eligible('[]', [])
  const of = new Map<number, Parameters<ItemBitmaps['eligible']>[]>()
  for (const { filter, position } of placement.only) {
    of.set(position, [...(of.get(position) ?? []), [JSON.stringify(filter), [filter]]])
  }
  for (const [position, rule] of placement.plan.rules.entries()) {
    if (rule.kind !== 'blocked' || rule.items.length === 0) continue
    of.set(position, [...(of.get(position) ?? []), [JSON.stringify(rule.items), [], new Set(rule.items)]])
  }
  for (const [position, parts] of [...of].sort(([a], [b]) => a - b)) {
    const passing = parts.map((part) => bitmaps.eligible(...part))
    const kept = all.words.map((word, w) => passing.reduce((left, { words }) => left & (words[w] ?? 0), word))
    const removed = itemIds.filter((itemId) => {
      const index = indexes.indexOfId(itemId)
      return index !== undefined && all.has(index) && (kept[index >> 5]! & (1 << (index & 31))) === 0
    })
    tracer.removedOfAll(position, all.count - bitCount(kept), removed)
  }
  return tracer
}
