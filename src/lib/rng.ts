// Seeded randomness. Nothing outside this file may call Math.random.

/** A deterministic stream of random numbers. */
export interface Rng {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform integer in [0, bound). */
  integer(bound: number): number
  /** Fills `out` with what that many calls of `integer` would give, in a third of the time. */
  integers(bound: number, out: Int32Array): void
  /** Standard normal. */
  normal(): number
  /** An independent stream; the same label gives the same stream. */
  fork(label: string): Rng
}

/** xoshiro128** (Blackman & Vigna, "Scrambled linear pseudorandom number generators", 2021), seeded through splitmix32. */
export function seededRng(seed: number | string): Rng {
  let state = typeof seed === 'number' ? seed >>> 0 : fnv1a(seed)
  const splitmix = (): number => {
    state = (state + 0x9e3779b9) | 0
    let z = state ^ (state >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  let a = splitmix()
  let b = splitmix()
  let c = splitmix()
  let d = splitmix()
  const next32 = (): number => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotl(d, 11)
    return result
  }
  const next = (): number => ((next32() >>> 5) * 67_108_864 + (next32() >>> 6)) / 9_007_199_254_740_992
  return {
    next,
    integer: (bound) => Math.floor(next() * bound),
    integers(bound, out) {
      // As `next` and `next32`, with the state in local variables.
      let [e, f, g, h] = [a, b, c, d]
      for (let i = 0; i < out.length; i++) {
        const high = (Math.imul(rotl(Math.imul(f, 5), 7), 9) >>> 5) * 67_108_864
        let t = f << 9
        g ^= e
        h ^= f
        f ^= g
        e ^= h
        g ^= t
        h = rotl(h, 11)
        const low = Math.imul(rotl(Math.imul(f, 5), 7), 9) >>> 6
        t = f << 9
        g ^= e
        h ^= f
        f ^= g
        e ^= h
        g ^= t
        h = rotl(h, 11)
        out[i] = Math.floor(((high + low) / 9_007_199_254_740_992) * bound)
      }
      ;[a, b, c, d] = [e, f, g, h]
    },
    // Box-Muller; 1 - u keeps the logarithm's argument above zero.
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    fork: (label) => seededRng(`${seed}/${label}`),
  }
}

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k))

/** FNV-1a, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
