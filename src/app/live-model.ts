// Keeps the model in charge loaded: looks which version that is, loads a new one beside the old one, and swaps.
import { MillraceError } from '../lib/errors.ts'
import type { Logger } from '../lib/logger.ts'
import { currentVersion, type Manifest, putInChargeAtMs } from '../models/bundle.ts'
import { openBundle } from '../models/open-bundle.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'

export interface LiveModelOptions {
  readonly modelsDir: string
  readonly generators: Readonly<Record<string, GeneratorKind>>
  readonly log: Logger
  /** Called with every newly loaded model; answers come from it once this returns. */
  readonly onSwap: (model: ServingModel) => void
}

export class LiveModel {
  readonly #options: LiveModelOptions
  #manifest: Manifest | undefined
  /** The choice that was refused last: a damaged bundle is read once, not every second, and again when it is put in charge again. */
  #refusedChoice: string | undefined
  #problem: string | undefined
  /** The look that is under way: whoever asks meanwhile waits for the same one. */
  #refreshing: Promise<void> | undefined

  constructor(options: LiveModelOptions) {
    this.#options = options
  }

  /** The manifest of the model that answers; undefined before the first training. */
  get manifest(): Manifest | undefined {
    return this.#manifest
  }

  /** Why the version in charge is not the one that answers. */
  get problem(): string | undefined {
    return this.#problem
  }

  /**
   * Loads the version in charge where it is not the one that answers. A model that cannot be loaded leaves the running one in place, or none:
   * then answers come from live popularity and say so.
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #refresh(): Promise<void> {
    const { modelsDir, generators, log, onSwap } = this.#options
    let version: string | undefined
    try {
      version = await currentVersion(modelsDir)
      if (version === this.#manifest?.version) this.#problem = undefined
      if (version === undefined || version === this.#manifest?.version) return
      const choice = `${version} ${await putInChargeAtMs(modelsDir)}`
      if (choice === this.#refusedChoice) return
      this.#refusedChoice = choice
      const { model, manifest } = await openBundle(modelsDir, version, generators)
      onSwap(model)
      this.#manifest = manifest
      this.#problem = undefined
      log.info('model in charge', { modelVersion: version })
      const missing = Object.keys(generators).filter((name) => !model.generators.has(name))
      if (missing.length > 0) {
        log.warn('generators of the system file are not in the model: run "millrace train"', {
          modelVersion: version,
          missing,
        })
      }
    } catch (error) {
      const message =
        error instanceof MillraceError ? `${error.code}: ${error.message} ${error.fix ?? ''}` : String(error)
      if (message === this.#problem) return
      this.#problem = message
      log.error('the model in charge could not be loaded', {
        modelVersion: version,
        answering: this.#manifest?.version ?? 'popular items',
        error: error instanceof MillraceError ? message : error,
      })
    }
  }
}
