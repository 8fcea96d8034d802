// Models from their bundle on disk to their alias, in the one order that leaves no alias without a whole bundle, wherever a process dies: the bundle is complete and
// checked, then it is registered, then an alias moves.

import { type GateReport, refusalWords } from '../domain/gate-report.ts'
import { promoted, rolledBack } from '../domain/model-aliases.ts'
import type {
  AliasMove,
  ModelAlias,
  ModelAliases,
  ModelDecision,
  ModelUser,
  RegisteredModel,
} from '../domain/registered-model.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import {
  type BundleContent,
  checkBundle,
  inspectBundle,
  listVersions,
  type Manifest,
  removeLeftovers,
  summaryOf,
  writeBundle,
} from '../models/bundle.ts'
import type { GateReports } from '../ports/gate-reports.ts'
import type { AuditQuery, ModelRegistry } from '../ports/model-registry.ts'
import type { ModelUses } from '../ports/model-uses.ts'
import { aliasesOf, bundleState, type ModelEntry, type UnregisteredBundle } from './model-entry.ts'

export interface RegisteredModelsParts {
  readonly registry: ModelRegistry
  readonly uses: ModelUses
  readonly gates: GateReports
  readonly modelsDir: string
  readonly clock: Clock
  readonly isRunning: (process: Pick<ModelUser, 'pid' | 'startedAt'>) => boolean
}

export interface Promotion {
  readonly version: string
  /** Default: champion. */
  readonly as?: 'champion' | 'challenger'
  /** What the alias is expected to name now; left out, whatever it names when the promotion begins. */
  readonly expected?: string
  /** With `override`, whatever the gates say. */
  readonly decision: ModelDecision
}

/** What an alias named before, and what it names now. */
export interface AliasOutcome {
  readonly before: ModelAliases
  readonly after: ModelAliases
}

export class RegisteredModels {
  readonly parts: RegisteredModelsParts

  constructor(parts: RegisteredModelsParts) {
    this.parts = parts
  }

  /**
   * Writes a bundle, reads it back, and registers it. What earlier writers that were killed have left is removed before.
   * @throws MillraceError DISK_FULL, BUNDLE_CORRUPT where the disk gives back something else; METADATA_*
   */
  async add(content: BundleContent): Promise<Manifest> {
    const { modelsDir, isRunning } = this.parts
    await removeLeftovers(modelsDir, (pid) => isRunning({ pid, startedAt: '' }))
    const { version } = await writeBundle(modelsDir, content)
    return this.register(version)
  }

  /** Checks every byte of a bundle, and registers it. @throws MillraceError MODEL_NOT_FOUND, BUNDLE_CORRUPT, BUNDLE_NEWER, METADATA_* */
  async register(version: string): Promise<Manifest> {
    const { registry, modelsDir, clock } = this.parts
    const manifest = await checkBundle(modelsDir, version)
    await registry.register(summaryOf(manifest), clock.now())
    return manifest
  }

  /**
   * Gives a version an alias, once the gates let it through and every byte of its bundle was found good. One that is not registered yet is registered first. Running servers
   * follow within a second.
   * @throws MillraceError MODEL_NOT_JUDGED, MODEL_REFUSED, MODEL_NOT_FOUND, BUNDLE_CORRUPT, BUNDLE_NEWER, MODEL_ALIAS_MOVED, MODEL_RETIRED, MODEL_IS_CHAMPION, METADATA_*
   */
  async promote({ version, as = 'champion', expected, decision }: Promotion): Promise<AliasOutcome> {
    const before = await this.#expecting(as, expected)
    const after = promoted(before, version, as)
    await this.register(version)
    // What already has the alias needs no leave to keep it.
    const judged = before[as] === version ? decision : await this.#judged(version, before, decision)
    return this.#move({ before, after }, judged)
  }

  /** What the gates said of a version, newest first. */
  gateReports(version: string, limit: number): Promise<readonly GateReport[]> {
    return this.parts.gates.list(version, limit)
  }

  /**
   * Champion and previous change places, once every byte of the previous one's bundle was found good.
   * @param options.expected the version in charge that is to go; left out, whichever it is
   * @throws MillraceError MODEL_NO_PREVIOUS, and what `promote` throws
   */
  async rollBack(options: { readonly expected?: string; readonly decision: ModelDecision }): Promise<AliasOutcome> {
    const before = await this.#expecting('champion', options.expected)
    const after = rolledBack(before)
    await this.register(after.champion!)
    return this.#move({ before, after }, options.decision)
  }

  aliases(): Promise<ModelAliases> {
    return this.parts.registry.aliases()
  }

  /** Newest first. */
  audit(query: AuditQuery): Promise<readonly AliasMove[]> {
    return this.parts.registry.audit(query)
  }

  /** The move that put in charge what was in charge at a moment; undefined where nothing was. */
  async inChargeAt(atMs: number): Promise<AliasMove | undefined> {
    const [last] = await this.parts.registry.audit({ alias: 'champion', untilMs: atMs, limit: 1 })
    return last?.to === undefined ? undefined : last
  }

  /**
   * Every model that ever was registered, newest first, and bundles that nobody registered.
   * @param options.isThorough reads every byte of those that an alias names; else a changed byte in an array is not seen
   */
  async list(options: { readonly isThorough: boolean }): Promise<{
    readonly models: readonly ModelEntry[]
    readonly unregistered: readonly UnregisteredBundle[]
  }> {
    const { registry, modelsDir } = this.parts
    const registered = await registry.list()
    const aliases = await registry.aliases()
    const usedBy = await this.#usedBy()
    const models: ModelEntry[] = []
    for (const model of registered) {
      const named = aliasesOf(aliases, model.version)
      models.push(await this.#entry(model, { named, usedBy, isThorough: options.isThorough && named.length > 0 }))
    }
    const known = new Set(registered.map(({ version }) => version))
    const strangers = (await listVersions(modelsDir)).filter((version) => !known.has(version))
    const unregistered = strangers.map(async (version) => ({
      version,
      bundle: await bundleState(() => inspectBundle(modelsDir, version)),
    }))
    return { models, unregistered: await Promise.all(unregistered) }
  }

  /** One model. @param options as those of `list` @throws MillraceError MODEL_NOT_FOUND */
  async find(version: string, options: { readonly isThorough: boolean }): Promise<ModelEntry> {
    const { registry } = this.parts
    const model = (await registry.list()).find((one) => one.version === version)
    if (model === undefined) {
      throw new MillraceError('MODEL_NOT_FOUND', `The registry has no model version ${version}.`, {
        fix: 'Run "millrace models" to see the versions that exist.',
      })
    }
    const named = aliasesOf(await registry.aliases(), version)
    return this.#entry(model, { named, usedBy: await this.#usedBy(), isThorough: options.isThorough })
  }

  async #entry(
    model: RegisteredModel,
    options: {
      readonly named: readonly ModelAlias[]
      readonly usedBy: ReadonlyMap<string, readonly number[]>
      readonly isThorough: boolean
    },
  ): Promise<ModelEntry> {
    const { modelsDir } = this.parts
    const look = options.isThorough ? checkBundle : inspectBundle
    const bundle =
      model.status === 'deleted'
        ? ({ state: 'removed' } as const)
        : await bundleState(() => look(modelsDir, model.version))
    return { ...model, aliases: options.named, bundle, usedBy: options.usedBy.get(model.version) ?? [] }
  }

  async #usedBy(): Promise<ReadonlyMap<string, readonly number[]>> {
    const running = (await this.parts.uses.list()).filter(({ user }) => this.parts.isRunning(user))
    const byVersion = Map.groupBy(running, ({ version }) => version)
    return new Map([...byVersion].map(([version, uses]) => [version, [...new Set(uses.map(({ user }) => user.pid))]]))
  }

  /** The decision with the gates that it rests on. @throws MillraceError MODEL_NOT_JUDGED, MODEL_REFUSED unless it overrides them */
  async #judged(
    version: string,
    { champion, previous }: ModelAliases,
    decision: ModelDecision,
  ): Promise<ModelDecision> {
    const [report] = await this.parts.gates.list(version, 1)
    if (decision.override !== undefined) return report ? { ...decision, gateRunId: report.id } : decision
    if (report === undefined) throw notJudged(version, 'no gates have judged it')
    if (!report.passed) throw refusedByGates(report)
    // The one that was in charge a moment ago needs no comparison to come back: a rollback asks for none either.
    if (report.champion !== champion && version !== previous) {
      const found = report.champion === undefined ? 'when no model was in charge' : `beside ${report.champion}`
      throw notJudged(version, `the gates judged it ${found}, and ${champion ?? 'no model'} is in charge now`)
    }
    return { ...decision, gateRunId: report.id }
  }

  async #expecting(alias: ModelAlias, expected: string | undefined): Promise<ModelAliases> {
    const aliases = await this.parts.registry.aliases()
    if (expected === undefined || aliases[alias] === expected) return aliases
    const found = aliases[alias] === undefined ? `There is no ${alias} now` : `${aliases[alias]} is ${alias} now`
    throw new MillraceError('MODEL_ALIAS_MOVED', `${found}, expected ${expected}.`, {
      fix: 'Somebody else was first. See "millrace models audit", then repeat it if it is still wanted.',
    })
  }

  async #move(outcome: AliasOutcome, decision: ModelDecision): Promise<AliasOutcome> {
    const { registry, clock } = this.parts
    await registry.move({ from: outcome.before, to: outcome.after, atMs: clock.now(), decision })
    return outcome
  }
}

/** Every gate that refused, as problems. */
export function refusedByGates({ version, results }: GateReport): MillraceError {
  const problems = refusalWords(results)
  const names = problems.map(({ where }) => where).join(', ')
  return new MillraceError('MODEL_REFUSED', `The gates refused model ${version}: ${names}.`, {
    problems,
    fix: 'It is registered. Where it is right nevertheless, run "millrace promote VERSION --override REASON"; the log of moves keeps the reason.',
  })
}

function notJudged(version: string, why: string): MillraceError {
  return new MillraceError('MODEL_NOT_JUDGED', `Model ${version} is given no alias: ${why}.`, {
    fix: 'Train again with "millrace train", or give a reason with "millrace promote VERSION --override REASON".',
  })
}
