// Which running processes have which models loaded, so that none is deleted under them. A process that is killed cannot say that it ended: whoever looks finds out
// whether it still runs, and forgets it.
import type { ModelUse, ModelUser } from '../domain/registered-model.ts'

export interface ModelUses {
  /**
   * From now on the user holds these versions and no others; none of them is retired meanwhile. Empty when it ends. Saying the same again changes nothing.
   * @throws MillraceError MODEL_NOT_FOUND, MODEL_RETIRED for a version that it did not hold before; nothing was changed
   */
  declare(user: ModelUser, versions: readonly string[]): Promise<void>
  /** By version, then by user. */
  list(): Promise<readonly ModelUse[]>
  /** Of a user that has ended without saying so. */
  forget(userId: string): Promise<void>
}
