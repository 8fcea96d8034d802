// Deleting models that nothing needs any more: the status first, so that no alias and no process takes one up, then the folder, then that it is gone. What a crash
// in between has left is mended by the next collection.
import { keptVersions, type ModelRetention } from '../domain/model-retention.ts'
import { MillraceError } from '../lib/errors.ts'
import { listVersions, removeBundle, removeLeftovers } from '../models/bundle.ts'
import type { RegisteredModels } from './registered-models.ts'

export interface CollectionReport {
  readonly kept: readonly { readonly version: string; readonly why: string }[]
  readonly deleted: readonly { readonly version: string; readonly bundleBytes: number }[]
  /** Folders that are no whole bundle and that nobody registered: they are left for a person to look at. */
  readonly unreadable: readonly { readonly version: string; readonly problem: string }[]
}

/** Every move there is: a log of promotions is short. */
const ALL_MOVES = 1_000_000

/**
 * Deletes the models that the retention lets go. Whole bundles that nobody registered, such as those of a training that was killed, are registered first and then
 * judged like all others.
 * @param options.isDryRun only says what would be done
 */
export async function collectModels(
  models: RegisteredModels,
  retention: ModelRetention,
  options: { readonly isDryRun: boolean },
): Promise<CollectionReport> {
  const { registry, uses, modelsDir, clock, isRunning } = models.parts
  const unreadable = await registerStrangers(models, options)
  const all = await registry.list()
  const [aliases, moves, allUses] = [
    await registry.aliases(),
    await registry.audit({ limit: ALL_MOVES }),
    await uses.list(),
  ]
  const running = allUses.filter(({ user }) => isRunning(user))
  const input = { models: all, aliases, moves, uses: running, nowMs: clock.now() }
  const kept = keptVersions(input, retention)
  const doomed = all.filter(
    ({ version, status }) => status === 'retired' || (status === 'registered' && !kept.has(version)),
  )
  const report = {
    kept: [...kept].map(([version, why]) => ({ version, why })),
    deleted: doomed.map(({ version, bundleBytes }) => ({ version, bundleBytes })),
    unreadable,
  }
  if (options.isDryRun) return report

  for (const { user } of allUses) if (!isRunning(user)) await uses.forget(user.id)
  const refused = new Map<string, string>()
  for (const { version } of doomed) {
    const problem = await deleteModel(models, version)
    if (problem !== undefined) refused.set(version, problem)
  }
  await removeLeftovers(modelsDir, (pid) => isRunning({ pid, startedAt: '' }))
  return {
    ...report,
    kept: [...report.kept, ...[...refused].map(([version, why]) => ({ version, why }))],
    deleted: report.deleted.filter(({ version }) => !refused.has(version)),
  }
}

/** @returns why it stays, where somebody took it up meanwhile */
async function deleteModel({ parts }: RegisteredModels, version: string): Promise<string | undefined> {
  const { registry, modelsDir, clock } = parts
  try {
    await registry.retire(version, clock.now())
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'MODEL_IN_USE') return error.message
    throw error
  }
  await removeBundle(modelsDir, version)
  await registry.confirmDeleted(version, clock.now())
  return undefined
}

async function registerStrangers(
  models: RegisteredModels,
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<CollectionReport['unreadable']> {
  const { registry, modelsDir } = models.parts
  const known = new Map((await registry.list()).map(({ version, status }) => [version, status]))
  const unreadable: { version: string; problem: string }[] = []
  for (const version of await listVersions(modelsDir)) {
    if (known.has(version) && known.get(version) !== 'deleted') continue
    try {
      if (!isDryRun) await models.register(version)
    } catch (error) {
      if (!(error instanceof MillraceError) || !/^(BUNDLE|MODEL)_/.test(error.code)) throw error
      unreadable.push({ version, problem: `${error.code}: ${error.message}` })
    }
  }
  return unreadable
}
