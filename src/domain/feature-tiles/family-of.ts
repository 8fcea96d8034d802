import type { FeatureFormula } from '../feature.ts'
import { countTiles, rateTiles } from './counts.ts'
import { distinctTiles } from './distinct.ts'
import { latestTiles, sinceTiles } from './latest.ts'
import { sessionTiles } from './sessions.ts'
import { shareTiles } from './shares.ts'
import { extremeTiles, sumTiles } from './sums.ts'
import type { TileFamily } from './tile-family.ts'

/** Formulas that look at events in a window: those that need tiles. */
export type WindowedFormula = Extract<FeatureFormula, { windowMs: number }>

export const isWindowed = (formula: FeatureFormula): formula is WindowedFormula => 'windowMs' in formula

/** The algebra of a formula's tiles; for `ratioToGroup`, of the entity's side and of the group's. */
export function familyOf(formula: WindowedFormula): TileFamily<unknown> {
  switch (formula.family) {
    case 'count':
    case 'ratioToGroup':
      return countTiles as TileFamily<unknown>
    case 'rate':
      return rateTiles(formula) as TileFamily<unknown>
    case 'sum':
    case 'mean':
      return sumTiles(formula.family) as TileFamily<unknown>
    case 'min':
    case 'max':
      return extremeTiles(formula.family as 'min' | 'max') as TileFamily<unknown>
    case 'share':
      return shareTiles as TileFamily<unknown>
    case 'last':
      return latestTiles as TileFamily<unknown>
    case 'since':
      return sinceTiles as TileFamily<unknown>
    case 'distinct':
      return distinctTiles as TileFamily<unknown>
    case 'sessionMean':
      return sessionTiles({ gapMs: formula.gapMs, hasValue: formula.value !== undefined }) as TileFamily<unknown>
  }
}
