// The candidate beside the champion, on the same users and the same interactions, of which neither has learned. The champion's model has seen everything up to its end, so there are two
// ways. Where enough users have acted since, the candidate's recipe is trained up to that end and both are asked what came after. Else it is trained up to the moment at which the
// champion's own evaluation split, and compared with the lists that the champion's recipe gave there, which its bundle keeps.
import type { App } from '../app.ts'
import type { GateComparison } from '../domain/gate-report.ts'
import {
  type InteractionTable,
  interactionsBetween,
  newestTimeMs,
  trainingDataOf,
} from '../domain/interaction-table.ts'
import { splitAt, type TimeSplit } from '../domain/time-split.ts'
import { MillraceError } from '../lib/errors.ts'
import { type Manifest, readHeldOutLists, readManifest } from '../models/bundle.ts'
import { openBundle } from '../models/open-bundle.ts'
import type { CandidateGenerator, TrainContext } from '../ports/candidate-generator.ts'
import { alignedGenerator } from '../training/aligned-generator.ts'
import { type HeldOut, type RankedLists, rankForUsers } from '../training/evaluate.ts'
import { trainGenerators } from '../training/train.ts'
import { type HeldOutEvaluation, heldOutOf, servedGenerator, servedPlacement } from './evaluate-models.ts'

/** With fewer users since the champion's end, what it was measured on tells more. */
export const FRESH_USERS_MIN = 200

export interface Compared {
  readonly comparison: GateComparison
  readonly heldOut: HeldOut
  /** Of the same users, in the same order. */
  readonly candidate: RankedLists
  readonly champion: RankedLists
  /** Whether the champion's list is led by what is popular. */
  readonly championShowsPopular: boolean
}

export interface ToCompare {
  readonly champion: string
  readonly table: InteractionTable
  /** The candidate's own, which is used where it happens to be what the champion was measured on. */
  readonly evaluation: HeldOutEvaluation
  readonly context: TrainContext
}

/** @returns a sentence where there is nothing to compare with */
export async function compareWithChampion(
  app: App,
  input: ToCompare,
): Promise<Compared | { readonly missing: string }> {
  try {
    const manifest = await readManifest(app.modelsDir, input.champion)
    const untilMs = endOf(manifest)
    const leading = servedPlacement(app.plan)[1].candidates.find((name) => name in manifest.generators)
    const championShowsPopular = leading !== undefined && manifest.generators[leading]!.kind === 'popularity'
    const lists = (await onFresh(app, input, untilMs)) ?? (await onReplayed(app, input, untilMs))
    if (lists === undefined) {
      return {
        missing: `${input.champion} keeps no lists of an evaluation, and fewer than ${FRESH_USERS_MIN} users have acted since it learned`,
      }
    }
    return { ...lists, championShowsPopular }
  } catch (error) {
    return cannotBeAsked(error)
  }
}

/** Up to when a model has learned. */
export const endOf = ({ lineage }: Pick<Manifest, 'lineage'>): number => lineage.newestInteractionMs ?? lineage.asOfMs

/** A champion that somebody deleted or damaged must not keep its successor out. @throws the error, where it is not of that kind */
export function cannotBeAsked(error: unknown): { readonly missing: string } {
  if (!(error instanceof MillraceError) || !/^(MODEL|BUNDLE)_/.test(error.code)) throw error
  return { missing: `the champion cannot be asked: ${error.message}` }
}

type Lists = Omit<Compared, 'championShowsPopular'>

/** On what came after the champion had learned; undefined where too few users have acted since. */
async function onFresh(app: App, input: ToCompare, championEndMs: number): Promise<Lists | undefined> {
  const { table, champion: version } = input
  const split = splitAt(table, championEndMs + 1)
  if (!split) return undefined
  const heldOut = heldOutOf(trainingDataOf(split.train, split.splitAtMs), split.test)
  const k = input.evaluation.report.k
  const { model } = await openBundle(app.modelsDir, version, app.system.generators)
  if (model.generators.size === 0) return undefined
  const served = alignedGenerator(servedGenerator(app.plan, model.generators), {
    from: table.itemIds,
    to: model.itemIds,
  })
  const champion = rankForUsers(served, heldOut, k)
  if (champion.userIndexes.length < FRESH_USERS_MIN) return undefined
  const candidate = rankForUsers(await candidateOf(app, split, input.context), heldOut, k)
  const comparison = {
    champion: version,
    on: 'fresh',
    splitAtMs: split.splitAtMs,
    untilMs: newestTimeMs(table),
  } as const
  return { comparison, heldOut, candidate, champion }
}

/** On what the champion's recipe was measured on; undefined where its bundle does not keep that. */
async function onReplayed(app: App, input: ToCompare, championEndMs: number): Promise<Lists | undefined> {
  const { champion: version, evaluation } = input
  const kept = await readHeldOutLists(app.modelsDir, version)
  if (!kept) return undefined
  const { k, splitAtMs } = kept
  const known = interactionsBetween(input.table, Number.NEGATIVE_INFINITY, championEndMs + 1)
  const isOwn =
    evaluation.report.splitAtMs === splitAtMs &&
    evaluation.report.k === k &&
    known.weights.length === input.table.weights.length
  const split = splitAt(known, splitAtMs)
  if (!split) return undefined
  const heldOut = isOwn ? evaluation.heldOut : heldOutOf(trainingDataOf(split.train, splitAtMs), split.test)
  const lists = isOwn
    ? evaluation.models[0]!.lists
    : rankForUsers(await candidateOf(app, split, input.context), heldOut, k)
  const { candidate, champion } = inCommon(lists, kept, input.table)
  return {
    comparison: { champion: version, on: 'replayed', splitAtMs, untilMs: championEndMs },
    heldOut,
    candidate,
    champion,
  }
}

/** The recipe of the candidate, as far as its first placement needs it, trained on the older side of a split. */
async function candidateOf(app: App, split: TimeSplit, context: TrainContext): Promise<CandidateGenerator> {
  const [, { candidates }] = servedPlacement(app.plan)
  const kinds = Object.fromEntries(candidates.map((name) => [name, app.system.generators[name]!]))
  const data = trainingDataOf(split.train, split.splitAtMs)
  const trained = await trainGenerators(data, kinds, context)
  const size = { itemCount: data.itemIds.length }
  const opened = Object.entries(kinds).map(([name, kind]) => [name, kind.open(trained[name]!.artifacts, size)] as const)
  return servedGenerator(app.plan, new Map(opened))
}

/** The rows of users that both have. Interactions that came late may have brought users whom the champion was never asked about. */
function inCommon(
  candidate: RankedLists,
  kept: NonNullable<Awaited<ReturnType<typeof readHeldOutLists>>>,
  table: InteractionTable,
): { readonly candidate: RankedLists; readonly champion: RankedLists } {
  const { k } = candidate
  const rowOf = new Map(kept.userIds.map((userId, row) => [userId, row]))
  const indexOf = new Map(table.itemIds.map((itemId, index) => [itemId, index]))
  const rows = Array.from(candidate.userIndexes, (user, row) => ({ row, keptRow: rowOf.get(table.userIds[user]!) }))
  const common = rows.filter(({ keptRow }) => keptRow !== undefined)
  const userIndexes = Int32Array.from(common, ({ row }) => candidate.userIndexes[row]!)
  const [own, others] = [new Int32Array(common.length * k), new Int32Array(common.length * k)]
  common.forEach(({ row, keptRow }, place) => {
    own.set(candidate.rankedItems.subarray(row * k, (row + 1) * k), place * k)
    const list = kept.rankedItems.subarray(keptRow! * k, (keptRow! + 1) * k)
    // An item that is in no event any more was shown all the same, and is a miss.
    others.set(
      list.map((item) => (item < 0 ? -1 : (indexOf.get(kept.itemIds[item]!) ?? -1))),
      place * k,
    )
  })
  return { candidate: { k, userIndexes, rankedItems: own }, champion: { k, userIndexes, rankedItems: others } }
}
