import { BestFirst } from '../../lib/best-first.ts'
import type { Artifacts, CandidateGenerator, Candidates, History, ItemSet } from '../../ports/candidate-generator.ts'

export type SessionNeighboursSettings = {
  /** A session ends after this many minutes without an interaction. */
  readonly gapMinutes: number
  /** At most this many sessions are looked at for each item of the history, the newest. */
  readonly sessionsPerItem: number
  /** So many of the most similar sessions vote. */
  readonly neighbours: number
  /** Only this many different items of the history count, the newest. */
  readonly historyItems: number
  /** An item counts this much of what the one after it in the history counts. */
  readonly historyDecay: number
  /** One step away from where a session meets the history an item gets this much of the vote of the place itself. */
  readonly sessionDecay: number
  /** A session counts less by its length to this power. */
  readonly lengthPower: number
  /** A shared item counts by log(sessions / sessions with the item) to this power. */
  readonly rarityPower: number
}

interface SessionNeighboursArtifacts {
  readonly sessionOffsets: Int32Array
  readonly sessionItems: Int32Array
  readonly itemOffsets: Int32Array
  readonly itemSessions: Int32Array
  readonly sessionCounts: Int32Array
}

/**
 * The similarity of a session is the sum over the history's items in it of historyDecay ^ steps * rarity, over its length ^ lengthPower; an item of a
 * neighbour gets similarity * (that sum's largest decay) * sessionDecay ^ (distance from the item with it). Nothing is allocated by an answer.
 * Cost: historyItems * sessionsPerItem additions, a heap of `neighbours`, and the items of the neighbours.
 */
export class SessionNeighboursGenerator implements CandidateGenerator {
  readonly supportsEmptyHistory = false
  readonly #artifacts: SessionNeighboursArtifacts
  readonly #settings: SessionNeighboursSettings
  /** By session: 0 except while a question is being answered. */
  readonly #similarities: Float32Array
  /** By session: the newest item of the history in it, of those sessions whose similarity is not 0. */
  readonly #meetingItems: Int32Array
  /** By item, 0 except while a question is being answered. */
  readonly #votes: Float32Array
  /** By item: its decay in the history; 0 for others. */
  readonly #decays: Float32Array
  readonly #rarities: Float32Array
  readonly #lengthFactors: Float32Array
  readonly #sessionDecays: Float32Array
  readonly #touchedSessions: Int32Array
  readonly #touchedItems: Int32Array
  readonly #historyItems: Int32Array
  readonly #neighbours: Candidates
  readonly #bestSessions = new BestFirst()
  readonly #best = new BestFirst()

  constructor(
    artifacts: Artifacts,
    { itemCount, settings }: { itemCount: number; settings: SessionNeighboursSettings },
  ) {
    this.#artifacts = artifacts as Artifacts & SessionNeighboursArtifacts
    this.#settings = settings
    const { sessionOffsets, sessionCounts } = this.#artifacts
    const sessionCount = sessionOffsets.length - 1
    this.#similarities = new Float32Array(sessionCount)
    this.#meetingItems = new Int32Array(sessionCount)
    this.#votes = new Float32Array(itemCount)
    this.#decays = new Float32Array(itemCount)
    this.#rarities = Float32Array.from(sessionCounts, (count) =>
      // An item of every session counts a little, so that a session that shares only it is not forgotten.
      count === 0 ? 0 : Math.max(1e-3, Math.log(sessionCount / count)) ** settings.rarityPower,
    )
    this.#lengthFactors = Float32Array.from(
      { length: sessionCount },
      (_, session) => (sessionOffsets[session + 1]! - sessionOffsets[session]!) ** -settings.lengthPower,
    )
    const longest = this.#lengthFactors.reduce(
      (most, _, s) => Math.max(most, sessionOffsets[s + 1]! - sessionOffsets[s]!),
      1,
    )
    this.#sessionDecays = Float32Array.from({ length: longest }, (_, distance) => settings.sessionDecay ** distance)
    const neighbourCount = Math.min(Math.floor(settings.neighbours), sessionCount)
    this.#touchedSessions = new Int32Array(sessionCount)
    this.#touchedItems = new Int32Array(itemCount)
    this.#historyItems = new Int32Array(settings.historyItems)
    this.#neighbours = { itemIndexes: new Int32Array(neighbourCount), scores: new Float32Array(neighbourCount) }
  }

  generate(history: History, k: number, allowed: ItemSet | undefined, out: Candidates): number {
    const historyCount = this.#takeHistory(history)
    const sessionCount = this.#meet(historyCount)
    const itemCount = this.#vote(sessionCount)
    for (let h = 0; h < historyCount; h++) this.#decays[this.#historyItems[h]!] = 0
    return this.#bestOf(itemCount, k, allowed, out)
  }

  similar(itemIndex: number, k: number, allowed: ItemSet | undefined, out: Candidates): number {
    this.#historyItems[0] = itemIndex
    this.#decays[itemIndex] = 1
    const itemCount = this.#vote(this.#meet(1))
    this.#decays[itemIndex] = 0
    return this.#bestOf(itemCount, k, allowed, out, itemIndex)
  }

  /** Fills `#historyItems`, newest first, each once, and their `#decays`; returns how many. */
  #takeHistory({ itemIndexes }: History): number {
    let count = 0
    let decay = 1
    for (let h = itemIndexes.length - 1; h >= 0 && count < this.#historyItems.length; h--) {
      const item = itemIndexes[h]!
      if (this.#decays[item] === 0) {
        this.#decays[item] = decay
        this.#historyItems[count++] = item
      }
      decay *= this.#settings.historyDecay
      // Below what a float32 sum can tell.
      if (decay < 1e-7) break
    }
    return count
  }

  /** Fills `#neighbours` with the most similar sessions, best first, ties to the newer; returns how many. */
  #meet(historyCount: number): number {
    const { itemOffsets, itemSessions } = this.#artifacts
    const similarities = this.#similarities
    const touched = this.#touchedSessions
    let touchedCount = 0
    for (let h = 0; h < historyCount; h++) {
      const item = this.#historyItems[h]!
      const share = this.#decays[item]! * this.#rarities[item]!
      const end = itemOffsets[item + 1]!
      for (let i = itemOffsets[item]!; i < end; i++) {
        const session = itemSessions[i]!
        if (similarities[session] === 0) {
          touched[touchedCount++] = session
          this.#meetingItems[session] = item
        }
        similarities[session] = similarities[session]! + share
      }
    }
    const best = this.#bestSessions
    best.reset(this.#neighbours.itemIndexes.length, this.#neighbours)
    for (let t = 0; t < touchedCount; t++) {
      const session = touched[t]!
      best.offer(session, Math.fround(similarities[session]! * this.#lengthFactors[session]!))
      similarities[session] = 0
    }
    return best.finish()
  }

  /** Fills `#votes`, and `#touchedItems` with the items that have any; returns how many. */
  #vote(neighbourCount: number): number {
    const { sessionOffsets, sessionItems } = this.#artifacts
    const votes = this.#votes
    const touched = this.#touchedItems
    let touchedCount = 0
    for (let n = 0; n < neighbourCount; n++) {
      const session = this.#neighbours.itemIndexes[n]!
      const start = sessionOffsets[session]!
      const end = sessionOffsets[session + 1]!
      const meetingItem = this.#meetingItems[session]!
      let place = end - 1
      while (sessionItems[place] !== meetingItem) place--
      const vote = this.#neighbours.scores[n]! * this.#decays[meetingItem]!
      for (let i = start; i < end; i++) {
        const item = sessionItems[i]!
        const share = Math.fround(vote * this.#sessionDecays[i < place ? place - i : i - place]!)
        // Far away there is nothing left of the vote.
        if (share === 0) continue
        if (votes[item] === 0) touched[touchedCount++] = item
        votes[item] = votes[item]! + share
      }
    }
    return touchedCount
  }

  #bestOf(touchedCount: number, k: number, allowed: ItemSet | undefined, out: Candidates, except = -1): number {
    const votes = this.#votes
    const best = this.#best
    best.reset(k, out)
    for (let t = 0; t < touchedCount; t++) {
      const item = this.#touchedItems[t]!
      const isAllowed = allowed === undefined || (allowed[item >> 5]! & (1 << (item & 31))) !== 0
      if (isAllowed && item !== except) best.offer(item, votes[item]!)
    }
    for (let t = 0; t < touchedCount; t++) votes[this.#touchedItems[t]!] = 0
    return best.finish()
  }
}
