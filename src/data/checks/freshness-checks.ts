// Two ages, because they go wrong apart: a source that stopped sending (nothing arrives) and one that sends old rows (they arrive, but happened long ago).
import { type CheckInput, type Measurement, notMeasured } from './measurement.ts'
import { ageText } from './wording.ts'

/** Age of the newest row against the limit: a fact, without statistics. */
export function measureFreshness(
  { today, history, nowMs, settings }: CheckInput,
  by: 'event' | 'available',
): Measurement {
  const newestMs = [today, ...history].reduce<number | null>((newest, { profile }) => {
    const timeMs = by === 'event' ? profile.newestEventTimeMs : profile.newestAvailableTimeMs
    return timeMs === null ? newest : Math.max(newest ?? timeMs, timeMs)
  }, null)
  const verb = by === 'event' ? 'happened' : 'arrived'
  const limitText = `at most ${ageText(settings.freshnessMs)} are allowed`
  if (newestMs === null) {
    return {
      ...notMeasured(`no row has ever ${by === 'event' ? 'happened' : 'arrived'}; ${limitText}`),
      threshold: { low: null, high: settings.freshnessMs },
      isBeyondThreshold: true,
      evidence: { kind: 'certain' },
    }
  }
  const ageMs = Math.max(0, nowMs - newestMs)
  return {
    ...notMeasured(`the newest row ${verb} ${ageText(ageMs)} ago; ${limitText}`),
    value: ageMs,
    threshold: { low: null, high: settings.freshnessMs },
    isBeyondThreshold: ageMs > settings.freshnessMs,
    evidence: { kind: 'certain' },
  }
}
