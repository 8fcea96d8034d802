// Changes that the crash tests make, and what must be true of them whenever the database or the process died.
import { aliasesAfter } from '../../domain/model-aliases.ts'
import type { ModelSummary } from '../../domain/registered-model.ts'
import type { SourceState } from '../../domain/source-state.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { someCheckResult } from '../../ports/check-results.contract.ts'
import type { MetadataStore } from '../../ports/metadata-store.ts'

// Not the contract's: that file needs Vitest, and this one also runs in processes that are killed.
const newState: SourceState = {
  source: 's',
  definitionHash: 'd1',
  runCount: 0,
  momentMs: 0,
  consecutiveFailureCount: 0,
  rowCount: 0,
  nextRunMs: 0,
}
const RESULT_COUNT = 20
/** Many, so that the change of most statements is the one that a crash most probably meets. */
const TABLES = Array.from({ length: 20 }, (_, i) => `t${i}`)

/** The nth change, 1, 2, 3 ..., of every kind of record. It may be made again after any failure, as the ports promise, and then goes on where it was. */
export async function makeChange(store: MetadataStore, n: number): Promise<void> {
  const saved = await store.sourceStates.load('s')
  const state = saved?.state ?? newState
  if (state.rowCount < n) await store.sourceStates.save({ ...state, rowCount: n }, saved?.generation ?? 0)

  const results = Array.from({ length: RESULT_COUNT }, (_, i) => ({
    ...someCheckResult,
    table: `change ${n}`,
    column: `c${i}`,
    checkedAtMs: n,
  }))
  await store.checkResults.append({ runId: String(n), results })

  const id = { feature: 'f', version: String(n) }
  await store.featureVersions.begin({ ...id, definition: null, atMs: n })
  await store.featureVersions.activate(id, n)

  const tables = TABLES.map((table) => ({ table, version: n }))
  const maker = { pid: 1, startedAt: '' }
  await store.trainingSets.begin({ contentHash: String(n), manifest: n, tables, createdAtMs: n }, maker)

  await store.modelRegistry.register(modelOf(n), n)
  const from = await store.modelRegistry.aliases()
  if (from.champion === String(n)) return
  const to = { champion: String(n), ...(from.champion !== undefined && { previous: from.champion }) }
  await store.modelRegistry.move({ from, to, atMs: n, decision: { by: 'test', command: 'test', why: String(n) } })
}

const modelOf = (n: number): ModelSummary => ({
  version: String(n),
  lineage: {
    planHash: '',
    commit: undefined,
    millraceVersion: '0',
    seed: n,
    nextOffset: 0,
    interactionCount: 0,
    trainedAtMs: n,
    asOfMs: 0,
  },
  userCount: 0,
  itemCount: 0,
  metrics: [],
  generators: [],
  bundleBytes: 0,
})

/**
 * What is wrong where changes 1 to `acknowledgedCount` were acknowledged and the next one may have been begun. Empty if all is well: every
 * acknowledged change is there once, and each part of the next one is there wholly or not at all.
 */
export async function problemsAfter(store: MetadataStore, acknowledgedCount: number): Promise<string[]> {
  const problems: string[] = []
  const next = acknowledgedCount + 1
  const check = (isFine: boolean, problem: string) => isFine || problems.push(problem)

  const saved = await store.sourceStates.load('s')
  const rowCount = saved?.state.rowCount ?? 0
  check(rowCount === acknowledgedCount || rowCount === next, `row count ${rowCount} after ${acknowledgedCount}`)
  check((saved?.generation ?? 0) === rowCount, `generation ${saved?.generation} of row count ${rowCount}`)

  const results = await store.checkResults.list({ limit: (next + 1) * RESULT_COUNT })
  const countByRun = Map.groupBy(results, ({ checkedAtMs }) => checkedAtMs)
  const versions = await store.featureVersions.list('f')
  const live = versions.filter(({ state }) => state === 'live').map(({ version }) => Number(version))
  check(live.length === (versions.some(({ activatedAtMs }) => activatedAtMs) ? 1 : 0), `live versions: ${live}`)
  check((live[0] ?? 0) >= acknowledgedCount, `live version ${live[0]} after ${acknowledgedCount}`)
  const pins = await Promise.all(TABLES.map((table) => store.trainingSets.pinnedVersions(table)))
  const sets = new Set((await store.trainingSets.list(next + 1)).map(({ manifest }) => manifest))

  const aliases = await store.modelRegistry.aliases()
  const moves = await store.modelRegistry.audit({ limit: 3 * next })
  const champion = Number(aliases.champion ?? 0)
  check(champion === acknowledgedCount || champion === next, `champion ${champion} after ${acknowledgedCount}`)
  check(champion <= 1 || aliases.previous === String(champion - 1), `previous ${aliases.previous} of ${champion}`)
  // The first one has nothing before it; every other moves two aliases.
  check(moves.length === Math.max(0, 2 * champion - 1), `${moves.length} moves up to champion ${champion}`)
  check(canonicalJson(aliasesAfter(moves)) === canonicalJson(aliases), 'the log of moves does not give the aliases')

  for (let n = 1; n <= next; n++) {
    const mayBeMissing = n === next
    const resultCount = countByRun.get(n)?.length ?? 0
    check(resultCount === RESULT_COUNT || (mayBeMissing && resultCount === 0), `change ${n}: ${resultCount} results`)
    const pinCount = pins.filter((versions) => versions.includes(n)).length
    check(pinCount === (sets.has(n) ? TABLES.length : 0), `change ${n}: ${pinCount} pins`)
    check(sets.has(n) || mayBeMissing, `change ${n}: no training set`)
  }
  return problems
}
