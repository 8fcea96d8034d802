// How one list of features is read, worked out once: which records of which entities, what each record contributes, and what is put together from that.
import type { EntityName } from '../domain/event.ts'
import type { FeatureDefinition, FeatureReading } from '../domain/feature.ts'
import { EntityRecord } from '../domain/feature-state/entity-state.ts'
import type {
  CombiningSources,
  FeatureComputation,
  FeaturePart,
  RecordAtMoment,
} from '../domain/feature-state/feature-computation.ts'
import type { EntityLayout } from '../domain/feature-state/layout.ts'
import { Validity } from '../domain/feature-tiles/validity.ts'
import { type Cells, KnownEntities, type KnownEntity } from './known-entities.ts'

/** Memory for what is known of the entities of one side, about: 25,000 of twenty features each. */
const KNOWN_BYTES = 64 * 2 ** 20

/** The records of one kind of entity in one layer. */
export interface Side {
  /** Twice the layer's number, and 1 more for items. */
  readonly number: number
  readonly entity: EntityName
  readonly layout: EntityLayout
  readonly space: string
}

/** A side as one list of features reads it. */
export class PlannedSide {
  readonly side: Side
  readonly known = new KnownEntities(KNOWN_BYTES)
  /** By number of the feature; undefined where this side has no part in it. */
  readonly #parts: readonly (FeaturePart['of'] | undefined)[]
  readonly #noCells: readonly undefined[]
  /** Of an entity without a record: of nothing, nothing changes with time. */
  readonly #cellsOfNothing: Cells
  readonly #validity = new Validity()

  constructor(side: Side, computations: readonly FeatureComputation[]) {
    this.side = side
    this.#parts = computations.map(({ parts }) => parts.find((part) => part.side === side.number)?.of)
    this.#noCells = computations.map(() => undefined)
    this.#cellsOfNothing = this.#made({ record: undefined, asOfMs: 0, validity: this.#validity })
  }

  /** Readings that this side alone gives. */
  readingCountOf(computations: readonly FeatureComputation[]): number {
    return computations.filter(({ combine }, f) => combine === undefined && this.#parts[f] !== undefined).length
  }

  /**
   * Cells of a record that nothing is remembered of.
   * @param validity narrowed to the moments for which they hold while the record stays the same
   */
  freshCells(bytes: Uint8Array | undefined, asOfMs: number, validity: Validity): Cells {
    if (bytes === undefined) return this.#cellsOfNothing
    return this.#made({ record: new EntityRecord(this.side.layout, bytes), asOfMs, validity })
  }

  /** @param entity undefined where nobody was named */
  cells(entity: KnownEntity | undefined, bytes: Uint8Array | undefined, asOfMs: number): Cells {
    if (bytes === undefined) return this.#cellsOfNothing
    const validity = this.#validity
    const make = (): Cells => {
      validity.reset()
      return this.#made({ record: new EntityRecord(this.side.layout, bytes), asOfMs, validity })
    }
    // Validity is of whole milliseconds.
    if (entity === undefined || !Number.isSafeInteger(asOfMs)) return make()
    return this.known.cellsOf(entity, { bytes, asOfMs, validity, make })
  }

  #made(at: RecordAtMoment): Cells {
    // Copied, not made, for the reason that readings are of a class.
    const cells: unknown[] = this.#noCells.slice()
    for (let f = 0; f < cells.length; f++) cells[f] = this.#parts[f]?.(at)
    return cells
  }
}

/** A feature whose reading has to be looked for outside the main side's cells. */
interface Rest {
  readonly feature: number
  readonly combine: FeatureComputation['combine']
  /** Places of the planned sides with its parts. */
  readonly first: number
  readonly second: number | undefined
}

export class ReadPlan {
  /** By feature, as the definitions. */
  readonly computations: readonly FeatureComputation[]
  readonly definitions: readonly FeatureDefinition[]
  readonly sides: readonly PlannedSide[]
  /** Place of the side that gives most readings: its cells are a row to begin with. */
  readonly #main: number
  readonly #rest: readonly Rest[]

  constructor(
    features: readonly { readonly definition: FeatureDefinition; readonly computation: FeatureComputation }[],
    sideOf: (number: number) => Side,
  ) {
    this.definitions = features.map(({ definition }) => definition)
    const computations = features.map(({ computation }) => computation)
    this.computations = computations
    const numbers = [...new Set(computations.flatMap(({ parts }) => parts.map(({ side }) => side)))]
    this.sides = numbers.map((number) => new PlannedSide(sideOf(number), computations))
    const counts = this.sides.map((side) => side.readingCountOf(computations))
    this.#main = counts.indexOf(Math.max(...counts))
    this.#rest = computations.flatMap(({ parts, combine }, feature) => {
      const [first, second] = parts.map(({ side }) => numbers.indexOf(side))
      return combine === undefined && first === this.#main ? [] : [{ feature, combine, first: first!, second }]
    })
  }

  /** Place of the side whose cells have the feature's first part. */
  firstSideOf(feature: number): number {
    return this.#rest.find((rest) => rest.feature === feature)!.first
  }

  /** @param cells by place of the side */
  row(cells: readonly Cells[], sources: CombiningSources): readonly FeatureReading[] {
    if (cells.length === 0) return []
    const row = cells[this.#main]!.slice() as FeatureReading[]
    for (let n = 0; n < this.#rest.length; n++) {
      const { feature, combine, first, second } = this.#rest[n]!
      const part = cells[first]![feature]
      row[feature] =
        combine === undefined
          ? (part as FeatureReading)
          : combine(part, second === undefined ? undefined : cells[second]![feature], sources)
    }
    return row
  }
}
