// A meeting point of the threads of one kernel call. They meet some hundred times while a tree grows, mostly within microseconds of each other:
// so a thread first looks again and again, and sleeps only when the others take long, as where they have to share a processor.

/** Looks before sleeping: some microseconds. */
const LOOKS: i32 = 4000

/** All zero before the first use. */
@unmanaged
export class Barrier {
  arrived: i32
  generation: i32
}

/** Returns when all of `threadCount` threads have called it; what each wrote before is then seen by all. */
export function meet(barrier: Barrier, threadCount: i32): void {
  if (threadCount == 1) return
  const arrived = changetype<usize>(barrier) + offsetof<Barrier>('arrived')
  const generation = changetype<usize>(barrier) + offsetof<Barrier>('generation')
  const current = atomic.load<i32>(generation)
  if (atomic.add<i32>(arrived, 1) == threadCount - 1) {
    atomic.store<i32>(arrived, 0)
    atomic.add<i32>(generation, 1)
    atomic.notify(generation)
    return
  }
  for (let look = 0; look < LOOKS; look++) {
    if (atomic.load<i32>(generation) != current) return
  }
  while (atomic.load<i32>(generation) == current) atomic.wait<i32>(generation, current)
}
