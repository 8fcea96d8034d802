// Which models there are, which of them the aliases name, and the log of how that came about. Every change is durable when it resolves, and making the same one
// again changes nothing more, so repeating after METADATA_UNAVAILABLE is safe.
import type {
  AliasMove,
  ModelAlias,
  ModelAliases,
  ModelDecision,
  ModelSummary,
  RegisteredModel,
} from '../domain/registered-model.ts'

/** From what the aliases are expected to name to what they shall name. */
export interface AliasChange {
  readonly from: ModelAliases
  readonly to: ModelAliases
  readonly atMs: number
  readonly decision: ModelDecision
}

export interface AuditQuery {
  readonly alias?: ModelAlias
  /** That came from this version or went to it. */
  readonly version?: string
  /** Made at this moment or before it. */
  readonly untilMs?: number
  readonly limit: number
}

export interface ModelRegistry {
  /**
   * Notes a model whose bundle is on disk, complete and checked. One that is registered or retired stays as it is; a deleted one is registered again: somebody brought
   * its bundle back.
   */
  register(model: ModelSummary, atMs: number): Promise<void>
  /** All that ever were, by the moment of their training, newest first. */
  list(): Promise<readonly RegisteredModel[]>
  aliases(): Promise<ModelAliases>
  /**
   * Moves aliases and notes each move in the log, at once or not at all. Where `from` and `to` are the same, nothing is noted.
   * @throws MillraceError MODEL_ALIAS_MOVED where the aliases are not `from` any more: somebody else was first, and nothing was changed; MODEL_NOT_FOUND,
   *   MODEL_RETIRED where one that an alias shall name is not registered
   */
  move(change: AliasChange): Promise<void>
  /** The log of moves, newest first. Nothing in it is ever changed or removed. */
  audit(query: AuditQuery): Promise<readonly AliasMove[]>
  /**
   * From now on no alias may name the version and no process may load it: its bundle can go. A retired or deleted one stays as it is.
   * @throws MillraceError MODEL_NOT_FOUND; MODEL_IN_USE where an alias names it or a process uses it, by what `ModelUses` knows
   */
  retire(version: string, atMs: number): Promise<void>
  /** The bundle of a retired version is gone. Any other one stays as it is. */
  confirmDeleted(version: string, atMs: number): Promise<void>
}
