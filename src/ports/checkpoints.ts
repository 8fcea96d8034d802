// What a run has finished of its work, kept so that it need not be done again when the run is killed and goes on.
import type { Artifacts } from './candidate-generator.ts'

export interface Checkpoints {
  /**
   * What was kept under this name, if it was made of the same: `key` is a hash of everything that it depends on. Undefined where it was made of something else, is
   * damaged, or was never there: then it has to be made again.
   */
  load(name: string, key: string): Promise<Artifacts | undefined>
  /**
   * Durable when it resolves; a kill before leaves nothing under the name.
   * @throws MillraceError DISK_FULL: the run can go on without
   */
  save(name: string, key: string, artifacts: Artifacts): Promise<void>
}
