import { addExactly, ExactSum, exactNumber, mergeExactly } from '../../lib/exact-sum.ts'
import { toMicros } from '../feature.ts'
import type { TileFamily } from './tile-family.ts'

/** Runs of events with at most the gap between neighbours, ascending. Between two runs the gap is exceeded. */
class Sessions {
  readonly firstsMs: number[] = []
  readonly lastsMs: number[] = []
  /** Of all events, since a mean over sessions needs no more. */
  readonly micros: ExactSum

  constructor(micros: ExactSum) {
    this.micros = micros
  }
}

/** For `sessionMean`; `hasValue` where it is the mean of a value, not of a length. */
export const sessionTiles = ({ gapMs, hasValue }: { gapMs: number; hasValue: boolean }): TileFamily<Sessions> => ({
  empty: () => new Sessions(new ExactSum()),
  add(tile, { timeMs, value }) {
    if (value !== undefined) addExactly(tile.micros, toMicros(value))
    addRun(tile, timeMs, gapMs)
  },
  merge({ firstsMs, lastsMs, micros }, later) {
    mergeExactly(micros, later.micros, 1)
    for (let r = 0; r < later.firstsMs.length; r++) {
      const isSame = lastsMs.length > 0 && later.firstsMs[r]! - lastsMs.at(-1)! <= gapMs
      if (isSame) lastsMs[lastsMs.length - 1] = later.lastsMs[r]!
      else {
        firstsMs.push(later.firstsMs[r]!)
        lastsMs.push(later.lastsMs[r]!)
      }
    }
  },
  write({ firstsMs, lastsMs, micros }, out) {
    out.signed(micros.high)
    out.signed(micros.low)
    out.whole(firstsMs.length)
    let beforeMs = 0
    for (let r = 0; r < firstsMs.length; r++) {
      out.signed(firstsMs[r]! - beforeMs)
      out.whole(lastsMs[r]! - firstsMs[r]!)
      beforeMs = lastsMs[r]!
    }
  },
  read(from) {
    const sessions = new Sessions(new ExactSum(from.signed(), from.signed()))
    let beforeMs = 0
    for (let rest = from.whole(); rest > 0; rest--) {
      const firstMs = beforeMs + from.signed()
      beforeMs = firstMs + from.whole()
      sessions.firstsMs.push(firstMs)
      sessions.lastsMs.push(beforeMs)
    }
    return sessions
  },
  value({ firstsMs, lastsMs, micros }) {
    const sessionCount = firstsMs.length
    if (sessionCount === 0) return undefined
    if (hasValue) return exactNumber(micros) / 1e6 / sessionCount
    let lengthMs = 0
    for (let r = 0; r < sessionCount; r++) lengthMs += lastsMs[r]! - firstsMs[r]!
    return lengthMs / 1000 / sessionCount
  },
})

function addRun({ firstsMs, lastsMs }: Sessions, timeMs: number, gapMs: number): void {
  // Events come nearly in order, so the place is near the end.
  let next = firstsMs.length
  while (next > 0 && firstsMs[next - 1]! > timeMs) next--
  const joinsBefore = next > 0 && timeMs - lastsMs[next - 1]! <= gapMs
  const joinsAfter = next < firstsMs.length && firstsMs[next]! - timeMs <= gapMs
  if (joinsBefore && joinsAfter) {
    lastsMs[next - 1] = lastsMs[next]!
    firstsMs.splice(next, 1)
    lastsMs.splice(next, 1)
  } else if (joinsBefore) lastsMs[next - 1] = Math.max(lastsMs[next - 1]!, timeMs)
  else if (joinsAfter) firstsMs[next] = timeMs
  else {
    firstsMs.splice(next, 0, timeMs)
    lastsMs.splice(next, 0, timeMs)
  }
}
