/**
 * A text as a number in [0, 1), the same on every machine: what is below a share is in it, for ever. FNV-1a over the UTF-16 units, finished as in
 * MurmurHash3 (Appleby, 2011), because FNV alone leaves running ids side by side.
 */
export function unitHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
