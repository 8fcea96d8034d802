// What the benchmark of growth measured: the figures that a prediction of capacity stands on. Made by hand from `npm run bench -- growth`; docs/growth.md has all of them.

/** Processor time of a request in microseconds, one count varied at a time around the base. */
export const measuredGrowth = {
  machine: 'an AMD EPYC with 2 cores',
  base: { itemCount: 100_000, userCount: 100_000, candidateCount: 500, featureCount: 20, treeCount: 100 },
  usByCandidates: [
    [100, 823],
    [500, 2128],
    [2000, 4878],
  ],
  usByItems: [
    [10_000, 1183],
    [100_000, 2128],
  ],
  usByUsers: [
    [100_000, 2128],
    [1_000_000, 3024],
  ],
  /** Of the base's p50 with an answer's steps timed, what reading features and what the trees take. */
  featuresShare: 0.32,
  rankingShare: 0.14,
  /** A process that answers, with the room that its heap keeps beyond what it holds: by `millrace capacity --measure`. */
  processBytes: 230 * 2 ** 20,
} as const
