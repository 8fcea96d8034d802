// "Did you mean ...?": the valid name that a mistyped one most likely stands for.

/** At most this many valid names are listed in a message; a catalogue of hundreds helps nobody. */
const MAX_LISTED_NAMES = 12

/**
 * The valid name nearest to `found`, or undefined where none is near enough to be meant: more than a third of the letters would have to change.
 * Upper and lower case count as equal, so `Price` finds `price`. Ties go to the earlier name.
 */
export function nearestName(found: string, valid: readonly string[]): string | undefined {
  const wanted = found.toLowerCase()
  let nearest: string | undefined
  let nearestDistance = Math.max(1, Math.ceil(found.length / 3)) + 1
  for (const name of valid) {
    // A name that merely lost or gained a prefix ("item.price", "user_ctr_7" for "user_ctr_7d") is near whatever its length.
    const distance = isWordOf(wanted, name.toLowerCase()) ? 1 : editDistance(wanted, name.toLowerCase())
    if (distance < nearestDistance) {
      nearest = name
      nearestDistance = distance
    }
  }
  return nearest
}

/** The end of an error message: the nearest valid name, and what names there are. */
export function suggestName(found: string, valid: readonly string[]): string {
  if (valid.length === 0) return 'None is defined yet.'
  const nearest = nearestName(found, valid)
  const listed = valid.slice(0, MAX_LISTED_NAMES).join(', ')
  const more = valid.length > MAX_LISTED_NAMES ? ` and ${valid.length - MAX_LISTED_NAMES} more` : ''
  return `${nearest === undefined ? '' : `Did you mean "${nearest}"? `}Known: ${listed}${more}.`
}

function isWordOf(found: string, name: string): boolean {
  return found.split(/[^a-z0-9_-]+/).includes(name) && name.length > 1
}

/**
 * Number of insertions, deletions, replacements and swaps of neighbours that turn one text into the other (optimal string alignment:
 * Damerau, "A technique for computer detection and correction of spelling errors", 1964). Cost: product of the lengths.
 */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let best = Math.min(previous[j]! + 1, current[j - 1]! + 1, replaced)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) best = Math.min(best, beforePrevious[j - 2]! + 1)
      current.push(best)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length]!
}
