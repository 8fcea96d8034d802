// Random numbers that depend on nothing but what they are for: any thread draws the same.

/** A whole number by another one and a seed: Murmur3's finalizer over a Weyl sequence. */
// @ts-ignore: decorator
@inline
export function hashOf(number: u32, seed: u32): u32 {
  let hash = number * 0x9e3779b9 ^ seed
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35
  return hash ^ (hash >> 16)
}
