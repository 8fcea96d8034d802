// What each source of data remembers between its runs.
import type { SourceState, StoredSourceState } from '../domain/source-state.ts'

export interface SourceStates {
  /** Undefined where the source never ran. */
  load(source: string): Promise<StoredSourceState | undefined>
  /** Every source that ever ran, by name. */
  list(): Promise<readonly StoredSourceState[]>
  /**
   * Replaces the whole state, durably, if the stored one is still the one that was loaded, and returns the new generation. After
   * METADATA_UNAVAILABLE the state may have been saved or not: load it before going on.
   * @param generation of the state as it was loaded; 0 where there was none
   * @throws MillraceError SOURCE_STATE_CHANGED when another process saved a state since: two of them run the source
   */
  save(state: SourceState, generation: number): Promise<number>
  /** Forgets the source, so that its next run begins anew. Nothing happens where it is unknown. */
  remove(source: string): Promise<void>
}
