/**
 * The moments at which something has the value that it has, as long as what was stored stays the same: `fromMs` and all later ones before `untilMs`.
 * Whoever computes the value narrows it. For moments in whole milliseconds: at others the last bit of a division may decide otherwise.
 *
 * One object for many values, reset before each, since an object for each of ten thousand costs more than the values.
 */
export class Validity {
  fromMs = Number.NEGATIVE_INFINITY
  untilMs = Number.POSITIVE_INFINITY

  reset(): void {
    this.fromMs = Number.NEGATIVE_INFINITY
    this.untilMs = Number.POSITIVE_INFINITY
  }

  narrow(fromMs: number, untilMs: number): void {
    if (fromMs > this.fromMs) this.fromMs = fromMs
    if (untilMs < this.untilMs) this.untilMs = untilMs
  }
}
