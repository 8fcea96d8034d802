/** FNV-1a over the UTF-16 units, as a whole number of 32 bits with a sign. @param seed other ones give independent hashes */
export function fnv1a(text: string, seed = 0x811c9dc5): number {
  let hash = seed | 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}
