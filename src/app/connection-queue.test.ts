// Goal: a connection that was accepted reaches a worker that has it, whoever dies in between, and workers get alike many. Method: the law is held against random orders of
// arrivals, receipts and deaths; connections are sockets that are connected to nothing.
import { Socket } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConnectionQueue, type Taker } from './connection-queue.ts'

interface TestTaker extends Taker {
  readonly sent: Socket[]
}

const taker = (openCount = 0): TestTaker => {
  const sent: Socket[] = []
  return { openCount, sent, send: (connection) => void sent.push(connection) }
}

/** Time passes only when the test says so. */
function hourglass() {
  const waits = new Set<() => void>()
  const after = (_: number, callback: () => void) => {
    waits.add(callback)
    return () => void waits.delete(callback)
  }
  const pass = () => {
    for (const callback of [...waits]) callback()
  }
  return { timers: { after }, pass }
}

test('one connection at a time goes to a worker, to the one with the fewest', () => {
  const queue = new ConnectionQueue(hourglass().timers)
  const [busy, idle] = [taker(5), taker(1)]
  queue.join(busy)
  queue.join(idle)
  const connections = [new Socket(), new Socket(), new Socket()]
  for (const connection of connections) queue.add(connection)
  expect(idle.sent).toEqual([connections[0]])
  expect(busy.sent).toEqual([connections[1]])
  expect(queue.waitingCount).toBe(1)
  queue.taken(idle)
  expect(idle.sent).toEqual([connections[0], connections[2]])
  // This side lets go of what has arrived, and of nothing else.
  expect(connections.map(({ destroyed }) => destroyed)).toEqual([true, false, false])
})

test('where connections are short, workers take turns', () => {
  const queue = new ConnectionQueue(hourglass().timers)
  const takers = [taker(), taker(), taker()]
  for (const one of takers) queue.join(one)
  for (let n = 0; n < 9; n++) {
    queue.add(new Socket())
    for (const one of takers) {
      one.openCount = 0
      queue.taken(one)
    }
  }
  expect(takers.map(({ sent }) => sent.length)).toEqual([3, 3, 3])
})

test('what was on its way to a worker that dies goes to another one first', () => {
  const queue = new ConnectionQueue(hourglass().timers)
  const [first, second] = [taker(), taker()]
  queue.join(first)
  const connections = [new Socket(), new Socket()]
  for (const connection of connections) queue.add(connection)
  queue.lose(first)
  queue.join(second)
  expect(second.sent).toEqual([connections[0]])
  expect(connections[0]!.destroyed).toBe(false)
})

test('a worker that leaves gets nothing new, and what was on its way stays open until it has arrived', () => {
  const queue = new ConnectionQueue(hourglass().timers)
  const leaving = taker()
  queue.join(leaving)
  const connections = [new Socket(), new Socket()]
  for (const connection of connections) queue.add(connection)
  queue.leave(leaving)
  expect(connections[0]!.destroyed).toBe(false)
  queue.taken(leaving)
  expect(connections[0]!.destroyed).toBe(true)
  expect(leaving.sent).toEqual([connections[0]])
  expect(queue.waitingCount).toBe(1)
})

test('whoever waits too long is hung up on, and counted', () => {
  const { timers, pass } = hourglass()
  const queue = new ConnectionQueue(timers)
  const connection = new Socket()
  queue.add(connection)
  pass()
  expect([connection.destroyed, queue.waitingCount, queue.droppedCount]).toEqual([true, 0, 1])
})

test('whatever dies and leaves, no connection is lost or in the hands of two who live', () => {
  const act = fc.oneof(
    fc.constant({ kind: 'add' as const }),
    fc.constant({ kind: 'join' as const }),
    fc.record({ kind: fc.constantFrom('taken' as const, 'lose' as const, 'leave' as const), which: fc.nat(3) }),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const queue = new ConnectionQueue(hourglass().timers)
      const added: Socket[] = []
      const alive: { readonly taker: TestTaker; takenCount: number }[] = []
      const deadHands = new Set<Socket>()
      for (const one of acts) {
        if (one.kind === 'add') {
          const connection = new Socket()
          added.push(connection)
          queue.add(connection)
        } else if (one.kind === 'join') {
          const joined = taker()
          alive.push({ taker: joined, takenCount: 0 })
          queue.join(joined)
        } else {
          const chosen = alive[one.which]
          if (chosen === undefined) continue
          if (one.kind === 'leave') queue.leave(chosen.taker)
          if (one.kind === 'taken' && chosen.taker.sent.length > chosen.takenCount) {
            chosen.takenCount++
            queue.taken(chosen.taker)
          }
          if (one.kind === 'lose') {
            for (const connection of chosen.taker.sent.slice(0, chosen.takenCount)) deadHands.add(connection)
            alive.splice(one.which, 1)
            queue.lose(chosen.taker)
          }
        }
      }
      const held = alive.flatMap(({ taker: { sent } }) => sent)
      expect(new Set(held).size).toBe(held.length)
      // Everything is with a living worker, has died with one that had it, or waits.
      expect(held.length + deadHands.size + queue.waitingCount).toBe(added.length)
      // Nothing is closed here that has not arrived.
      const arrived = new Set([
        ...deadHands,
        ...alive.flatMap(({ taker: { sent }, takenCount }) => sent.slice(0, takenCount)),
      ])
      expect(added.filter((connection) => connection.destroyed && !arrived.has(connection))).toEqual([])
    }),
  )
})
