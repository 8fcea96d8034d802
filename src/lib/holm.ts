/**
 * p-values adjusted for being many: whoever rejects those at or below alpha makes any false rejection with a chance of at most alpha, however the
 * tests depend on each other. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979, in the
 * weighted form of its section 4: a test of twice the weight may spend twice as much of alpha.
 *
 * @returns in the order given, in [0, 1]
 */
export function holmAdjusted(tests: readonly { readonly pValue: number; readonly weight: number }[]): number[] {
  const order = tests.map((_, i) => i).sort((a, b) => ratioOf(tests[a]!) - ratioOf(tests[b]!) || a - b)
  let weightLeft = tests.reduce((sum, { weight }) => sum + weight, 0)
  let adjusted = 0
  const result = new Array<number>(tests.length).fill(1)
  for (const i of order) {
    // p_(j) / w_(j) * (weight of all that are not rejected before it), made monotone.
    adjusted = Math.max(adjusted, Math.min(1, ratioOf(tests[i]!) * Math.max(weightLeft, tests[i]!.weight)))
    result[i] = adjusted
    weightLeft -= tests[i]!.weight
  }
  return result
}

const ratioOf = ({ pValue, weight }: { readonly pValue: number; readonly weight: number }): number => pValue / weight
