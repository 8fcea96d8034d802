// A model as whoever looks at the registry sees it: what is registered, beside what is on disk.
import { type ModelAlias, type ModelAliases, modelAliases, type RegisteredModel } from '../domain/registered-model.ts'
import { MillraceError } from '../lib/errors.ts'

/** `whole`: as training wrote it, as far as was looked. `removed`: collected, as the status says. */
export interface BundleState {
  readonly state: 'whole' | 'missing' | 'damaged' | 'removed'
  /** What is wrong, where it is missing or damaged. */
  readonly problem?: string
}

export interface ModelEntry extends RegisteredModel {
  readonly aliases: readonly ModelAlias[]
  readonly bundle: BundleState
  /** Numbers of the running processes that have it loaded. */
  readonly usedBy: readonly number[]
}

/** A folder that no training of this project registered, such as one that was copied here. */
export interface UnregisteredBundle {
  readonly version: string
  readonly bundle: BundleState
}

export const aliasesOf = (aliases: ModelAliases, version: string): readonly ModelAlias[] =>
  modelAliases.filter((alias) => aliases[alias] === version)

/** @param look reads the bundle, and throws what is wrong with it */
export async function bundleState(look: () => Promise<unknown>): Promise<BundleState> {
  try {
    await look()
    return { state: 'whole' }
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return {
      state: error.code === 'MODEL_NOT_FOUND' ? 'missing' : 'damaged',
      problem: `${error.code}: ${error.message}`,
    }
  }
}
