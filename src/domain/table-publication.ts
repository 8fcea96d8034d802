// Write, audit, publish: which version of a table its readers get, and what keeps newer ones back.

/** The version in charge of a table. */
export interface TablePublication {
  readonly table: string
  readonly version: number
  readonly publishedAtMs: number
  /** The person who decided; left out where the checks did. */
  readonly by?: string
  /** What that person said. */
  readonly why?: string
  /**
   * The newest whole day whose rows were found good, such as "2026-03-01" (UTC), and the version that was published for it: where a later day
   * is not good, readers go back to it. Left out where no day was judged yet.
   */
  readonly checked?: { readonly through: string; readonly version: number }
}

/** Versions that readers do not get: `sinceVersion` and every later one, until something is published. */
export interface TableHold {
  readonly table: string
  readonly sinceVersion: number
  readonly heldAtMs: number
  /** When the checks last looked at it. */
  readonly checkedAtMs: number
  /** The person who holds it back; left out where the checks do. Only a person ends the hold of a person. */
  readonly by?: string
  /** Gravest first, a sentence each. */
  readonly reasons: readonly string[]
  /** When and by whom it was ended; left out while it lasts. */
  readonly released?: { readonly atMs: number; readonly version: number; readonly by?: string; readonly why?: string }
}
