// Look-ups of lists that a batch made, within a time and as long as the store answers.
import {
  LIST_DIRECTORY_SPACE,
  type ListGeneration,
  listDirectoryIn,
  listSpace,
  readList,
  type StoredList,
} from '../domain/stored-list.ts'
import { settlesWithin } from '../lib/within.ts'
import type { OnlineStore } from '../ports/online-store.ts'
import { Breaker } from './breaker.ts'

export interface FoundList {
  readonly list: StoredList
  readonly generation: ListGeneration
}

/** A generation that is exchanged at this very moment is met once, hardly twice. */
const READ_COUNT_MAX = 3

export class StoredLists {
  readonly #store: Pick<OnlineStore, 'read'>
  readonly #breaker = new Breaker()
  /** By placement, as last seen. */
  readonly #generations = new Map<string, ListGeneration>()
  /** What the directory was read from: the store gives the same bytes until they change. */
  readonly #directoryBytes = new Map<string, Uint8Array>()

  constructor(store: Pick<OnlineStore, 'read'>) {
    this.#store = store
  }

  /**
   * @returns undefined where no batch made a list for the user
   * @throws what the store throws; an Error where it took too long, or has failed so often that it is left alone for a while
   */
  async find(
    placement: string,
    userId: string,
    { nowMs, waitMs }: { readonly nowMs: number; readonly waitMs: number },
  ): Promise<FoundList | undefined> {
    if (this.#breaker.isResting(nowMs))
      throw new Error('looking stored lists up has failed several times in a row and is left alone for a while')
    try {
      const finding = this.#find(placement, userId)
      if (!(await settlesWithin(finding, waitMs))) {
        // Nobody waits for it any more.
        finding.catch(() => {})
        throw new Error(`looking a stored list up took longer than ${waitMs} ms`)
      }
      const found = await finding
      this.#breaker.succeeded()
      return found
    } catch (error) {
      this.#breaker.failed(nowMs)
      throw error
    }
  }

  /** Generation and list are read as of one moment: between two reads, the generation could have been exchanged and the list removed. */
  async #find(placement: string, userId: string): Promise<FoundList | undefined> {
    for (let n = 0; n < READ_COUNT_MAX; n++) {
      const expected = this.#generations.get(placement)
      const directoryRequest = { space: LIST_DIRECTORY_SPACE, keys: [placement], isRepeated: true }
      const listRequest = expected && { space: listSpace(placement, expected.batchId), keys: [userId] }
      const [directories, lists] = await this.#store.read([directoryRequest, ...(listRequest ? [listRequest] : [])])
      const current = this.#current(placement, directories![0])
      if (current === undefined) return undefined
      if (expected?.batchId !== current.batchId) continue
      const bytes = lists![0]
      return bytes && { list: readList(bytes, current.generatorNames), generation: current }
    }
    throw new Error('the stored lists were exchanged several times while one was looked up')
  }

  #current(placement: string, bytes: Uint8Array | undefined): ListGeneration | undefined {
    if (bytes !== undefined && this.#directoryBytes.get(placement) === bytes) return this.#generations.get(placement)
    const { current } = listDirectoryIn(bytes)
    if (bytes === undefined) this.#directoryBytes.delete(placement)
    else this.#directoryBytes.set(placement, bytes)
    if (current === undefined) this.#generations.delete(placement)
    else this.#generations.set(placement, current)
    return current
  }
}
