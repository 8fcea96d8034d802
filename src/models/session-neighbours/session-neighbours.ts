// Proposes what came up in other people's sessions that look like the visitor's own.
import type { GeneratorKind } from '../../ports/candidate-generator.ts'
import { type Sessions, sessionsOf } from '../sessions/sessions.ts'
import { checkSettings } from '../settings-check.ts'
import { SessionNeighboursGenerator, type SessionNeighboursSettings } from './session-neighbours-generator.ts'

/** Found by `node bench/tune-sessions.ts diginetica session-neighbours` on the newest training sessions of Diginetica. */
const defaults: SessionNeighboursSettings = {
  gapMinutes: 30,
  sessionsPerItem: 200,
  neighbours: 500,
  historyItems: 10,
  historyDecay: 0.68,
  sessionDecay: 0.64,
  lengthPower: 0.42,
  rarityPower: 0.7,
}

const tunable = {
  sessionsPerItem: { low: 100, high: 5000, scale: 'log' },
  neighbours: { low: 50, high: 1500, scale: 'log' },
  historyDecay: { low: 0.2, high: 1, scale: 'linear' },
  sessionDecay: { low: 0.2, high: 1, scale: 'linear' },
  lengthPower: { low: 0, high: 1.5, scale: 'linear' },
  rarityPower: { low: 0, high: 2, scale: 'linear' },
} as const satisfies GeneratorKind['tunable']

/**
 * A kind of candidate generator: the sessions nearest to the visitor's newest items vote for the items near the place where they meet.
 * Kersbergen et al., "Serenade: low-latency session-based recommendation in e-commerce at scale", SIGMOD 2022 (VMIS-kNN); the decay around the
 * place is that of Garg et al., "Sequence and time aware neighborhood for session-based recommendations", SIGIR 2019 (STAN).
 */
export function sessionNeighbours(settings: Partial<SessionNeighboursSettings> = {}): GeneratorKind {
  const options: SessionNeighboursSettings = { ...defaults, ...settings }
  return {
    kind: 'session-neighbours',
    options: { ...options },
    tunable,
    with: (replaced) => sessionNeighbours({ ...options, ...replaced }),
    async train(data, { log }) {
      checkSettings('session-neighbours', options, {
        gapMinutes: { low: 1 },
        sessionsPerItem: { low: 1 },
        neighbours: { low: 1 },
        historyItems: { low: 1, isInteger: true },
        historyDecay: { low: 0.01, high: 1 },
        sessionDecay: { low: 0.01, high: 1 },
        lengthPower: { low: 0, high: 3 },
        rarityPower: { low: 0, high: 3 },
      })
      const sessions = sessionsOf(data, 'session-neighbours', options.gapMinutes)
      log(`session-neighbours: ${sessions.offsets.length - 1} sessions, ${sessions.itemIndexes.length} items in them`)
      return {
        sessionOffsets: sessions.offsets,
        sessionItems: sessions.itemIndexes,
        ...sessionsByItem(sessions, data.itemIds.length, options.sessionsPerItem),
      }
    },
    open: (artifacts, { itemCount }) => new SessionNeighboursGenerator(artifacts, { itemCount, settings: options }),
  }
}

/** For every item the newest sessions it occurs in, newest first, each once, and in how many it occurs altogether. */
function sessionsByItem({ offsets, itemIndexes }: Sessions, itemCount: number, sessionsPerItem: number) {
  const sessionCounts = new Int32Array(itemCount)
  /** By item: the last session that was counted. */
  const newest = new Int32Array(itemCount).fill(-1)
  const forEachOnce = (visit: (item: number, session: number) => void): void => {
    newest.fill(-1)
    for (let session = 0; session + 1 < offsets.length; session++) {
      for (let i = offsets[session]!; i < offsets[session + 1]!; i++) {
        const item = itemIndexes[i]!
        if (newest[item] === session) continue
        newest[item] = session
        visit(item, session)
      }
    }
  }
  forEachOnce((item) => sessionCounts[item]!++)
  const itemOffsets = new Int32Array(itemCount + 1)
  for (let item = 0; item < itemCount; item++) {
    itemOffsets[item + 1] = itemOffsets[item]! + Math.min(sessionCounts[item]!, Math.floor(sessionsPerItem))
  }
  const itemSessions = new Int32Array(itemOffsets[itemCount]!)
  const next = itemOffsets.slice(0, itemCount)
  forEachOnce((item, session) => {
    if (next[item]! < itemOffsets[item + 1]!) itemSessions[next[item]!++] = session
  })
  return { itemOffsets, itemSessions, sessionCounts }
}
