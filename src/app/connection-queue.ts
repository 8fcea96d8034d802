// Hands accepted connections to workers, one at a time each, the one with the fewest first. The kernel could share them out itself, and was measured: a listening
// socket shared by four workers gave one of them 22 of 32 connections and two none; one socket each lost what waited in a killed worker's queue; the round robin of
// node:cluster left those hanging that a killed worker had been sent and had not taken. Here a connection stays open on this side until a worker has said that it has it.
import type { Socket } from 'node:net'
import type { Timers } from '../lib/timers.ts'

/** Whoever takes connections. */
export interface Taker {
  /** Sends it over; `take` of the queue hears when it has arrived. */
  send(connection: Socket): void
  /** Open connections, as far as they are known. */
  openCount: number
}

/** Where no worker is there for so long, whoever waits is better off with another replica. */
const WAIT_MS_MAX = 5_000

interface Place {
  /** On its way, and open here until it has arrived. */
  underWay: Socket | undefined
  isLeaving: boolean
}

export class ConnectionQueue {
  readonly #timers: Timers
  readonly #waiting: { readonly connection: Socket; readonly forget: () => void }[] = []
  readonly #takers = new Map<Taker, Place>()
  /** Connections that nobody took in time. */
  droppedCount = 0

  constructor(timers: Timers) {
    this.#timers = timers
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  add(connection: Socket): void {
    // It may break while it waits; whoever takes it will notice.
    connection.on('error', () => {})
    this.#waiting.push(this.#waitingFor(connection))
    this.#handOut()
  }

  /** From now on this one is given connections. */
  join(taker: Taker): void {
    this.#takers.set(taker, { underWay: undefined, isLeaving: false })
    this.#handOut()
  }

  /** It gets no more than what is on its way to it. */
  leave(taker: Taker): void {
    const place = this.#takers.get(taker)
    if (place === undefined) return
    place.isLeaving = true
    if (place.underWay === undefined) this.#takers.delete(taker)
  }

  /** It is dead: what was on its way to it goes to another one, before all others. */
  lose(taker: Taker): void {
    const underWay = this.#takers.get(taker)?.underWay
    this.#takers.delete(taker)
    if (underWay !== undefined) this.#waiting.unshift(this.#waitingFor(underWay))
    this.#handOut()
  }

  /** What was on its way to this one has arrived: this side lets go of it, and sends the next. */
  taken(taker: Taker): void {
    const place = this.#takers.get(taker)
    if (place === undefined) return
    place.underWay?.destroy()
    place.underWay = undefined
    if (place.isLeaving) this.#takers.delete(taker)
    this.#handOut()
  }

  /** Hangs up on whoever still waits. */
  close(): void {
    for (const { connection, forget } of this.#waiting.splice(0)) {
      forget()
      connection.destroy()
    }
  }

  #waitingFor(connection: Socket) {
    return { connection, forget: this.#timers.after(WAIT_MS_MAX, () => this.#drop(connection)) }
  }

  #handOut(): void {
    while (this.#waiting.length > 0) {
      const idlest = this.#idlest()
      if (idlest === undefined) return
      const [taker, place] = idlest
      const { connection, forget } = this.#waiting.shift()!
      forget()
      if (connection.destroyed) continue
      place.underWay = connection
      taker.openCount++
      // To the end: among those with equally many, whoever was given one the longest ago comes first.
      this.#takers.delete(taker)
      this.#takers.set(taker, place)
      taker.send(connection)
    }
  }

  /** Of those that nothing is on its way to. */
  #idlest(): readonly [Taker, Place] | undefined {
    let idlest: readonly [Taker, Place] | undefined
    for (const entry of this.#takers) {
      const [taker, { underWay, isLeaving }] = entry
      if (underWay !== undefined || isLeaving) continue
      if (idlest === undefined || taker.openCount < idlest[0].openCount) idlest = entry
    }
    return idlest
  }

  #drop(connection: Socket): void {
    const place = this.#waiting.findIndex((waiting) => waiting.connection === connection)
    if (place === -1) return
    this.#waiting.splice(place, 1)
    this.droppedCount++
    connection.destroy()
  }
}
