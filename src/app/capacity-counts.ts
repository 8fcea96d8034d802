// What a system holds today, as the counts and the shape that its capacity is predicted from.
import type { App } from '../app.ts'
import type { AttributePlan } from '../config/plan.ts'
import { logBatches } from '../data/log-batches.ts'
import type { Manifest } from '../models/bundle.ts'
import { LiveState } from '../serving/live-state.ts'
import type { CapacityCounts, CapacityShape } from './capacity.ts'

/** Where the log says nothing yet. */
const SUPPOSED_ID_LENGTH = 12
const SUPPOSED_TEXT_LENGTH = 24
/** Items whose ids and texts are looked at. */
const SAMPLE_COUNT = 10_000

export interface Holdings {
  readonly counts: CapacityCounts
  readonly shape: CapacityShape
}

/** The live state of the whole log, as a server has it. */
export async function liveStateOf({ plan, log }: Pick<App, 'plan' | 'log'>): Promise<LiveState> {
  const live = new LiveState(plan)
  for await (const batch of logBatches(log, await log.bounds())) live.apply(batch)
  return live
}

/** @param manifest of the model in charge; undefined where there is none, and then a ranker of the system file counts with all the trees and features that it may have */
export function holdingsOf({ plan }: Pick<App, 'plan'>, live: LiveState, manifest: Manifest | undefined): Holdings {
  const { catalogue, histories } = live
  let interactionCount = 0
  for (const userId of histories.userIds()) {
    const { start, end } = histories.historyOf(userId)!
    interactionCount += end - start
    histories.forEachOlder(userId, () => interactionCount++)
  }
  const placements = Object.values(plan.serving.placements)
  const hasRanker = plan.training.ranker !== undefined
  const settings = plan.training.ranker?.options.trees
  const nodeOffsets = manifest?.ranker?.artifacts.nodeOffsets
  const treeCount = nodeOffsets ? nodeOffsets.length - 1 : typeof settings === 'number' ? settings : 0
  const itemFeatures = plan.data.features.filter(({ formula }) => formula.by !== 'user')
  const { item } = plan.data.entities
  return {
    counts: {
      itemCount: catalogue.rowCount,
      userCount: histories.userCount,
      interactionsPerUser: histories.userCount === 0 ? 0 : interactionCount / histories.userCount,
      candidateCount: Math.max(...placements.map(({ candidateCount }) => candidateCount)),
      featureCount: manifest?.ranker?.features.length ?? (hasRanker ? itemFeatures.length : 0),
      treeCount: hasRanker ? treeCount : 0,
    },
    shape: { attributes: item, ...lengthsOf(live, item), modelBytesPerItem: manifest && modelBytesPerItem(manifest) },
  }
}

function lengthsOf(
  { catalogue }: LiveState,
  attributes: Readonly<Record<string, AttributePlan>>,
): Pick<CapacityShape, 'idLength' | 'textLength'> {
  const texts = Object.keys(attributes).filter((name) => attributes[name]!.type === 'text')
  const count = Math.min(SAMPLE_COUNT, catalogue.rowCount)
  let idLength = 0
  let textLength = 0
  for (let n = 0; n < count; n++) {
    const row = Math.floor((n * catalogue.rowCount) / count)
    idLength += catalogue.idOf(row).length
    for (const name of texts) textLength += String(catalogue.columns.get(name)!.get(row) ?? '').length
  }
  return {
    idLength: count === 0 ? SUPPOSED_ID_LENGTH : idLength / count,
    textLength: count === 0 || texts.length === 0 ? SUPPOSED_TEXT_LENGTH : textLength / count / texts.length,
  }
}

/** The arrays of all generators; what of them does not grow with the items is spread over these. */
function modelBytesPerItem({ generators, files, itemCount }: Manifest): number {
  const folders = Object.keys(generators)
  const ofGenerators = Object.entries(files).filter(([path]) => folders.includes(path.split('/')[0]!))
  return ofGenerators.reduce((sum, [, { bytes }]) => sum + bytes, 0) / Math.max(1, itemCount)
}
