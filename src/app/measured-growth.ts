// What the benchmark of growth measured: the figures that a prediction of capacity stands on. Made by hand from `npm run bench -- growth`; docs/growth.md has all of them.

/** Processor time of a request in microseconds, one count varied at a time around the base. */
export const measuredGrowth = {
  machine: 'an AMD EPYC with 2 cores',
  base: { itemCount: 100_000, userCount: 100_000, candidateCount: 500, featureCount: 20, treeCount: 100 },
  usByCandidates: [
    [100, 700],
    [500, 1700],
    [2000, 4000],
  ],
  usByItems: [
    [10_000, 1500],
    [100_000, 1700],
    [1_000_000, 2500],
  ],
  usByUsers: [
    [100_000, 1700],
    [1_000_000, 1700],
    [5_000_000, 1700],
  ],
  /** Of the base's p50 with an answer's steps timed, what reading features and what the trees take. */
  featuresShare: 0.32,
  rankingShare: 0.14,
  /** A process that answers, without anything that grows. */
  processBytes: 100 * 2 ** 20,
} as const
