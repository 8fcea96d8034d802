import type { Catalogue } from '../serving/catalogue.ts'

const LENGTH_MAX = 60

/** What an item's first text says, to recognise it by; empty where it has none. */
export function itemText(catalogue: Catalogue, itemId: string): string {
  const attributes = catalogue.attributesOf(itemId) ?? {}
  const [name] = [...catalogue.columns].find(([, { holdsText }]) => holdsText) ?? []
  const text = name === undefined ? undefined : attributes[name]
  if (typeof text !== 'string') return ''
  return text.length > LENGTH_MAX ? `${text.slice(0, LENGTH_MAX - 1)}…` : text
}
