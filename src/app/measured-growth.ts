// What the benchmark of growth measured: the figures that a prediction of capacity stands on. Made by hand from `npm run bench -- growth`; docs/growth.md has all of them.

/** Processor time of a request in microseconds, one count varied at a time around the base. */
export const measuredGrowth = {
  machine: 'an AMD EPYC with 2 cores',
  base: { itemCount: 100_000, userCount: 100_000, candidateCount: 500, featureCount: 20, treeCount: 100 },
  usByCandidates: [
    [100, 714],
    [500, 1499],
    [2000, 2793],
  ],
  usByItems: [
    [10_000, 792],
    [100_000, 1499],
    [1_000_000, 2472],
  ],
  /** Two points more were measured, 1,093 for a million and 1,447 for five: below that of the base, which is what the machine does to a figure. Users are not taken to make answers cheaper. */
  usByUsers: [
    [100_000, 1499],
    [5_000_000, 1499],
  ],
  /** Of the base's p50 with an answer's steps timed, what reading features and what the trees take. */
  featuresShare: 0.28,
  rankingShare: 0.13,
  /** A process that answers, with the room that its heap keeps beyond what it holds: by `millrace capacity --measure`. */
  processBytes: 230 * 2 ** 20,
} as const
