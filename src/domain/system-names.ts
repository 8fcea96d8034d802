// What the compiler knows of one system: the names and value types that its system file defines. It exists in types only and lets a client
// complete and check placements, interactions and attributes.

export interface SystemNames {
  readonly placement: string
  /** Placements of the pattern `embedding`, which show items like a given one. */
  readonly itemPlacement: string
  readonly interaction: string
  readonly generator: string
  readonly item: object
  readonly user: object
}

/** Something that carries names in its type; the field is never there at run time. */
export interface Named<Names extends SystemNames = SystemNames> {
  readonly names?: Names
}
