// What the benchmark of growth measured: the figures that a prediction of capacity stands on. Made by hand from `npm run bench -- growth`; docs/growth.md has all of them.

/** Processor time of a request in microseconds, one count varied at a time around the base. */
export const measuredGrowth = {
  machine: 'an AMD EPYC (family 26, model 2) with 2 cores',
  base: { itemCount: 100_000, userCount: 100_000, candidateCount: 500, featureCount: 20, treeCount: 100 },
  usByCandidates: [
    [100, 112],
    [500, 299],
    [2000, 676],
  ],
  usByItems: [
    [10_000, 171],
    [100_000, 299],
    [1_000_000, 619],
  ],
  /** Two points more were measured, 308 for a million and 286 for five: as many as at the base, but for what the machine does to a figure. Users are taken to make answers neither cheaper nor dearer. */
  usByUsers: [
    [100_000, 299],
    [5_000_000, 299],
  ],
  /** Of the base's p50 with an answer's steps timed, what reading features and what the trees take. */
  featuresShare: 0.15,
  rankingShare: 0.28,
  /** A process that answers, with the room that its heap keeps beyond what it holds: by `millrace capacity --measure`. */
  processBytes: 230 * 2 ** 20,
} as const
