// Projects from before the registry named the model in charge in models/current.json. Whoever opens such a project first brings its models into the registry.
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '../lib/errors.ts'
import { listVersions } from '../models/bundle.ts'
import type { RegisteredModels } from './registered-models.ts'

/**
 * Registers every whole bundle, and puts the version that the file names in charge, where nothing is in charge yet; then the file goes. Where it names none, or one that
 * is damaged, nothing is in charge and the file stays, until a person promotes a version. Several processes may do it at once.
 */
export async function adoptEarlierModels(models: RegisteredModels): Promise<void> {
  const { modelsDir, registry, clock } = models.parts
  const pointer = join(modelsDir, 'current.json')
  if (!existsSync(pointer)) return
  const before = await registry.aliases()
  if (before.champion === undefined) {
    for (const version of await listVersions(modelsDir)) await unlessRefused(() => models.register(version))
    const version = await versionNamedBy(pointer)
    if (version === undefined) return
    const decision = {
      by: 'migration',
      command: 'first opening with a registry',
      why: 'models/current.json named it as the version in charge.',
    }
    // From what was read at the beginning: where somebody put a model in charge meanwhile, that one stays.
    const change = { from: before, to: { ...before, champion: version }, atMs: clock.now(), decision }
    await unlessRefused(() => registry.move(change))
    if ((await registry.aliases()).champion === undefined) return
  }
  await rm(pointer, { force: true })
}

async function versionNamedBy(pointer: string): Promise<string | undefined> {
  try {
    const { version } = JSON.parse(await readFile(pointer, 'utf8')) as { version?: unknown }
    return typeof version === 'string' ? version : undefined
  } catch {
    // Damaged, or gone because another process was faster: it names nothing either way.
    return undefined
  }
}

/** A damaged bundle stays unregistered, and another process may have been first; that the store is away is for the caller to hear. */
async function unlessRefused(act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    const isRefusal = error instanceof MillraceError && /^(BUNDLE|MODEL)_/.test(error.code)
    if (!isRefusal) throw error
  }
}
