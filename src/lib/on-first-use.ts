/** Something that is made by the first call of `get`, once. */
export interface OnFirstUse<T> {
  readonly get: () => Promise<T>
  /** What was made, without making it; undefined also where making it failed. */
  readonly ifUsed: () => Promise<T | undefined>
}

/** A failure to make it is not remembered: the next call tries again. */
export function onFirstUse<T>(make: () => Promise<T>): OnFirstUse<T> {
  let made: Promise<T> | undefined
  return {
    get: () => {
      made ??= make().catch((error: unknown) => {
        made = undefined
        throw error
      })
      return made
    },
    ifUsed: async () => made?.catch(() => undefined),
  }
}
