// Keeps the champion loaded: looks which version that is, loads a new one beside the old one, and swaps.

import type { ModelAliases, ModelUser } from '../domain/registered-model.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Logger } from '../lib/logger.ts'
import { bundleFingerprint, type Manifest } from '../models/bundle.ts'
import { openServingModel, type SystemOfModel } from '../models/open-serving-model.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { RegisteredModels } from '../training/registered-models.ts'

export interface LiveModelOptions {
  readonly modelsDir: string
  /** The registry; asked again each time, so that one that was away is found when it is back. */
  readonly models: () => Promise<RegisteredModels>
  /** In whose name the loaded version is kept from being deleted. */
  readonly user: ModelUser
  readonly system: SystemOfModel
  readonly log: Logger
  /** Called with every newly loaded model; answers come from it once this returns. */
  readonly onSwap: (model: ServingModel) => void
}

export class LiveModel {
  readonly #options: LiveModelOptions
  #manifest: Manifest | undefined
  #champion: string | undefined
  /** What could not be loaded last, file by file: a damaged bundle is read once, not every second, and again when somebody changed it. */
  #refused: string | undefined
  #problem: string | undefined
  #rankerProblem: string | undefined
  /** The look that is under way: whoever asks meanwhile waits for the same one. */
  #refreshing: Promise<void> | undefined

  constructor(options: LiveModelOptions) {
    this.#options = options
  }

  /** The manifest of the model that answers; undefined before the first training. */
  get manifest(): Manifest | undefined {
    return this.#manifest
  }

  /** The version in charge, which is not the one that answers where there is a problem. */
  get champion(): string | undefined {
    return this.#champion
  }

  /** Why the version in charge is not the one that answers, or cannot be known. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Why the model that answers does so without its ranker; undefined where it has none, or uses it. */
  get rankerProblem(): string | undefined {
    return this.#rankerProblem
  }

  /**
   * Loads the champion where it is not the one that answers. One that cannot be loaded leaves the running model in place. Where none runs yet, the previous one
   * answers if it is whole; else answers come from live popularity and say so.
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** Lets go of what is loaded: it may be deleted from now on. */
  async stop(): Promise<void> {
    await this.#refreshing
    try {
      const { parts } = await this.#options.models()
      await parts.uses.declare(this.#options.user, [])
    } catch (error) {
      this.#options.log.warn('that the model is no longer used could not be noted', { error })
    }
  }

  async #refresh(): Promise<void> {
    try {
      const models = await this.#options.models()
      await this.#follow(models, await models.aliases())
    } catch (error) {
      // The registry is away: what is loaded goes on answering.
      this.#tell(describe(error), { error })
    }
  }

  async #follow(models: RegisteredModels, aliases: ModelAliases): Promise<void> {
    const { champion, previous } = aliases
    this.#champion = champion
    if (champion === undefined || champion === this.#manifest?.version) {
      this.#problem = undefined
      this.#refused = undefined
      return
    }
    const candidates = this.#manifest === undefined && previous !== undefined ? [champion, previous] : [champion]
    const state = await this.#stateOf(candidates)
    if (state === this.#refused) return
    const problem = await this.#load(models, champion)
    if (problem === undefined) {
      this.#refused = undefined
      this.#problem = undefined
      return
    }
    if (candidates.length > 1) await this.#load(models, previous!)
    // Of what is looked at next time: with a model that answers, the previous one no longer matters.
    this.#refused = this.#manifest === undefined ? state : await this.#stateOf([champion])
    this.#tell(problem, { modelVersion: champion })
  }

  /** @returns why it could not be loaded, and undefined once it answers. @throws MillraceError METADATA_* where the registry is away */
  async #load(models: RegisteredModels, version: string): Promise<string | undefined> {
    const { modelsDir, system, user, log, onSwap } = this.#options
    const running = this.#manifest === undefined ? [] : [this.#manifest.version]
    try {
      await models.parts.uses.declare(user, [...running, version])
      const { model, manifest, rankerProblem } = await openServingModel(modelsDir, version, system)
      onSwap(model)
      this.#manifest = manifest
      this.#rankerProblem = rankerProblem === undefined ? undefined : describe(rankerProblem)
      log.info('model loaded', { modelVersion: version })
      if (rankerProblem)
        log.warn('the model answers without its ranker', { modelVersion: version, error: rankerProblem })
      const missing = Object.keys(system.generators).filter((name) => !model.generators.has(name))
      if (missing.length > 0) {
        log.warn('generators of the system file are not in the model: run "millrace train"', {
          modelVersion: version,
          missing,
        })
      }
    } catch (error) {
      if (error instanceof MillraceError && error.code.startsWith('METADATA_')) throw error
      await models.parts.uses.declare(user, running)
      return describe(error)
    }
    await models.parts.uses.declare(user, [version])
    return undefined
  }

  async #stateOf(versions: readonly string[]): Promise<string> {
    const states = versions.map(
      async (version) => `${version}\n${await bundleFingerprint(this.#options.modelsDir, version)}`,
    )
    return (await Promise.all(states)).join('\n')
  }

  #tell(problem: string, details: object): void {
    if (problem === this.#problem) return
    this.#problem = problem
    const answering = this.#manifest?.version ?? 'popular items'
    this.#options.log.error('the model in charge could not be loaded', { answering, problem, ...details })
  }
}

function describe(error: unknown): string {
  if (!(error instanceof MillraceError)) return String(error)
  const problems = error.problems.map(({ where, message }) => `${where}: ${message}`)
  return [`${error.code}: ${error.message}`, ...problems, error.fix ?? []].flat().join(' ')
}
