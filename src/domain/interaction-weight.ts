/**
 * What one interaction counts, in training and in a visitor's history alike.
 *
 * The event's own weight is often a quantity, and a hundred boxes are not a hundred times the interest in one: above 1 it counts by its
 * logarithm (1, 2, 4, 8 ... count 1, 2, 3, 4 ...), below 1 as it is. Continuous and ascending.
 *
 * @param kindWeight of the interaction in the system file, above 0
 * @param eventWeight of the event, above 0; undefined counts as 1
 */
export function interactionWeight(kindWeight: number, eventWeight: number | undefined): number {
  if (eventWeight === undefined) return kindWeight
  return kindWeight * (eventWeight > 1 ? 1 + Math.log2(eventWeight) : eventWeight)
}

/** What an interaction of the lightest kind counts; above 0. */
export const lightestWeight = (interactions: Readonly<Record<string, { readonly weight: number }>>): number =>
  Math.min(...Object.values(interactions).map(({ weight }) => weight))
