// A small set of 16-byte hashes that never denies a member and rarely affirms a stranger.

/** 32-bit words in one block: a cache line, so that a question costs one miss of the cache. */
const WORDS_PER_BLOCK = 16
const BITS_PER_MEMBER = 12
const BITS_PER_BLOCK = WORDS_PER_BLOCK * 32
/** Bits set per member: nine bits of hash choose each. */
const PROBES = 7

/**
 * Blocked Bloom filter (Putze, Sanders & Singler, "Cache-, hash- and space-efficient Bloom filters", JEA 2009). At its intended number of
 * members it affirms a stranger with probability of about 0.5 %.
 */
export class IdFilter {
  readonly words: Uint32Array
  readonly #blockCount: number

  constructor(words: Uint32Array) {
    this.words = words
    this.#blockCount = words.length / WORDS_PER_BLOCK
  }

  static forMembers(memberCount: number): IdFilter {
    return new IdFilter(new Uint32Array(Math.ceil((memberCount * BITS_PER_MEMBER) / BITS_PER_BLOCK) * WORDS_PER_BLOCK))
  }

  add(hash: IdHash): void {
    const block = this.#block(hash)
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = bitOf(hash, probe)
      this.words[block + (bit >>> 5)]! |= 1 << (bit & 31)
    }
  }

  mayHave(hash: IdHash): boolean {
    const block = this.#block(hash)
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = bitOf(hash, probe)
      if ((this.words[block + (bit >>> 5)]! & (1 << (bit & 31))) === 0) return false
    }
    return true
  }

  #block(hash: IdHash): number {
    return Math.floor((hash[0] / 4_294_967_296) * this.#blockCount) * WORDS_PER_BLOCK
  }
}

/** The hash as four numbers below 2^32. */
export type IdHash = readonly [number, number, number, number]

/** Three probes of nine bits out of each of the last three words: the first one chose the block. */
function bitOf(hash: IdHash, probe: number): number {
  return (
    (hash[(1 + ((probe >> 1) % 3)) as 1 | 2 | 3] >>> (9 * (probe & 1) + (probe === 6 ? 18 : 0))) & (BITS_PER_BLOCK - 1)
  )
}
