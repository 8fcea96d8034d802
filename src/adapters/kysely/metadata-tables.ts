// The tables of the metadata store as the queries see them. What is asked for has a column of its own; the rest of a record is JSON, so that a
// field more needs no migration.
import type { ColumnType } from 'kysely'
import type { ModelAlias } from '../../domain/registered-model.ts'
import type { RunKind, RunState } from '../../domain/run.ts'

/** `pg` gives 64-bit integers as text, since they may exceed what a number holds. Ours do not: reading is `Number(...)`. */
type Whole = ColumnType<number | string, number, number>
type MaybeWhole = ColumnType<number | string | null, number | null, number | null>
/** Canonical JSON. */
type Json = string

export interface MetadataTables {
  readonly migration: { version: number; name: string; applied_at_ms: Whole }
  readonly source_state: { source: string; generation: number; state: Json }
  readonly check_result: {
    run_id: string
    /** Place in its run. */
    position: number
    table_name: string
    check_name: string
    column_name: string | null
    checked_at_ms: Whole
    result: Json
  }
  readonly table_profile: { table_name: string; date: string; profile: Uint8Array }
  readonly feature_version: {
    feature: string
    version: string
    state: 'backfilling' | 'live' | 'retired'
    definition: Json
    created_at_ms: Whole
    activated_at_ms: MaybeWhole
    retired_at_ms: MaybeWhole
  }
  readonly training_set: {
    content_hash: string
    manifest: Json
    tables: Json
    created_at_ms: Whole
    released_at_ms: MaybeWhole
    /** Canonical JSON; null once the set is made. */
    maker: string | null
  }
  readonly table_publication: { table_name: string; version: Whole; record: Json }
  readonly table_hold: {
    number: number
    table_name: string
    /** 1 or 0. */
    is_open: number
    record: Json
  }
  readonly model_version: {
    version: string
    status: 'registered' | 'retired' | 'deleted'
    trained_at_ms: Whole
    registered_at_ms: Whole
    retired_at_ms: MaybeWhole
    deleted_at_ms: MaybeWhole
    summary: Json
  }
  /** An alias that names nothing has no row. */
  readonly model_alias: { alias: ModelAlias; version: string }
  /** Rows are added, and never changed or removed: the database itself refuses. */
  readonly model_alias_move: {
    number: number
    alias: ModelAlias
    from_version: string | null
    to_version: string | null
    at_ms: Whole
    decision: Json
  }
  readonly gate_report: { id: string; version: string; judged_at_ms: Whole; report: Json }
  readonly model_use: { user_id: string; version: string; process: Json }
  /** What the queue asks for, once more beside the whole run. */
  readonly run: {
    id: string
    kind: RunKind
    state: RunState
    priority: number
    queued_at_ms: Whole
    not_before_ms: Whole
    record: Json
  }
  readonly run_metric: { run_id: string; name: string; step: Whole; metric: Json }
  /** The table versions of each set once more, to be asked for by table. */
  readonly training_set_table: { content_hash: string; table_name: string; version: Whole }
}
