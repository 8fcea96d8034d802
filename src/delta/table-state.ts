// What a log says after its commits have been applied in order. Protocol, section "Action Reconciliation".
import type { Action, AddAction, Commit, MetadataAction, ProtocolAction, RemoveAction, TxnAction } from './action.ts'
import { damaged } from './action.ts'
import { type DeltaSchema, schemaFromJson } from './schema.ts'

/** Grows with `apply`; whoever hands it out copies what it shows. */
export class TableState {
  /** -1 before the first commit. */
  version = -1
  /** When the version was committed, milliseconds since 1970; never less than that of the version before. */
  timestampMs = 0
  /** The files of the version, by path. */
  readonly files = new Map<string, AddAction>()
  /** Files that were removed and that nobody has forgotten yet, by path. */
  readonly tombstones = new Map<string, RemoveAction>()
  /** By app id. */
  readonly txns = new Map<string, TxnAction>()
  #metadata: MetadataAction | undefined
  #protocol: ProtocolAction | undefined
  #schema: DeltaSchema = []

  get metadata(): MetadataAction {
    if (!this.#metadata) throw damaged(`version ${this.version}`, 'found no metadata action up to here, expected one')
    return this.#metadata
  }

  get protocol(): ProtocolAction {
    if (!this.#protocol) throw damaged(`version ${this.version}`, 'found no protocol action up to here, expected one')
    return this.#protocol
  }

  get schema(): DeltaSchema {
    return this.#schema
  }

  apply(commit: Commit): void {
    for (const action of commit.actions) this.applyAction(action)
    this.version = commit.version
    this.timestampMs = Math.max(this.timestampMs, commit.info.timestamp ?? 0)
  }

  applyAction({ add, remove, metaData, protocol, txn }: Action): void {
    if (add) {
      this.files.set(add.path, add)
      this.tombstones.delete(add.path)
    }
    if (remove) {
      this.files.delete(remove.path)
      this.tombstones.set(remove.path, remove)
    }
    if (txn) this.txns.set(txn.appId, txn)
    if (protocol) this.#protocol = protocol
    if (metaData) {
      this.#schema = schemaFromJson(metaData.schemaString)
      this.#metadata = metaData
    }
  }
}
