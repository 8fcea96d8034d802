// Which models a collection keeps, and why.
import { inChargeSince } from './model-aliases.ts'
import {
  type AliasMove,
  type ModelAliases,
  type ModelUse,
  modelAliases,
  type RegisteredModel,
} from './registered-model.ts'

export interface ModelRetention {
  /** The newest so many by their training, 1 or more. */
  readonly newestCount: number
  /** Whatever was in charge within so many days. */
  readonly inChargeDays: number
}

export interface RetentionInput {
  readonly models: readonly RegisteredModel[]
  readonly aliases: ModelAliases
  /** The whole log, in any order. */
  readonly moves: readonly AliasMove[]
  /** Of processes that still run. */
  readonly uses: readonly ModelUse[]
  readonly nowMs: number
}

const DAY_MS = 86_400_000

/** The registered versions that stay, each with the first reason that holds, in words. What is registered and not among them can go. */
export function keptVersions(
  { models, aliases, moves, uses, nowMs }: RetentionInput,
  { newestCount, inChargeDays }: ModelRetention,
): ReadonlyMap<string, string> {
  const registered = models.filter(({ status }) => status === 'registered')
  const newest = [...registered].sort(
    (a, b) => b.lineage.trainedAtMs - a.lineage.trainedAtMs || (a.version < b.version ? 1 : -1),
  )
  const lately = inChargeSince(moves, nowMs - inChargeDays * DAY_MS)
  const kept = new Map<string, string>()
  for (const [i, { version }] of newest.entries()) {
    const alias = modelAliases.find((name) => aliases[name] === version)
    const user = uses.find((use) => use.version === version)?.user
    if (alias !== undefined) kept.set(version, alias)
    else if (user !== undefined) kept.set(version, `process ${user.pid} uses it`)
    else if (i < newestCount) kept.set(version, newestCount === 1 ? 'the newest' : `among the newest ${newestCount}`)
    else if (lately.has(version)) kept.set(version, `in charge within the last ${inChargeDays} days`)
  }
  return kept
}
