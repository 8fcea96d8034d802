// Forgets runs that nothing needs any more, with their files.
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import type { App } from '../app.ts'
import { keptRuns, type RunRetention } from '../domain/run-retention.ts'
import { runFolder } from './record-run.ts'

export interface RunCollection {
  readonly kept: readonly { readonly id: string; readonly why: string }[]
  readonly removed: readonly string[]
}

/** More than anybody keeps. */
const ALL_RUNS = 1_000_000

/**
 * The store forgets first, then the folders go: those, too, that an earlier collection which was killed has left.
 * @param options.isDryRun only says what would be done
 */
export async function collectRuns(
  app: App,
  retention: RunRetention,
  options: { readonly isDryRun: boolean },
): Promise<RunCollection> {
  const { runs, modelRegistry } = await app.metadata()
  const all = await runs.list({ limit: ALL_RUNS })
  const models = (await modelRegistry.list()).filter(({ status }) => status !== 'deleted')
  const modelVersions = new Set(models.map(({ version }) => version))
  const kept = keptRuns({ runs: all, modelVersions, nowMs: app.clock.now() }, retention)
  const doomed = all.map(({ id }) => id).filter((id) => !kept.has(id))
  const report = { kept: [...kept].map(([id, why]) => ({ id, why })), removed: doomed }
  if (options.isDryRun) return report
  const removed = await runs.remove(doomed)
  // In this order: a run is in the store before it has a folder.
  const folders = existsSync(app.runsDir) ? await readdir(app.runsDir) : []
  const known = new Set((await runs.list({ limit: ALL_RUNS })).map(({ id }) => id))
  for (const id of folders) if (!known.has(id)) await rm(runFolder(app, id), { recursive: true, force: true })
  return { ...report, removed }
}
