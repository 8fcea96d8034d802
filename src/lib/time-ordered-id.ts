/**
 * A UUID of version 7 (RFC 9562, 5.7): ids that are made later sort later, but for those of one millisecond. Tables that hold them in order grow at their end and are let go of from their
 * beginning, where random ids would fall all over.
 * @param atMs milliseconds since 1970, below 2^48; what is behind the point is left out
 * @param randomId a UUID of version 4, as `crypto.randomUUID` makes them, of which 74 random bits stay
 */
export function timeOrderedId(atMs: number, randomId: string): string {
  const time = Math.floor(atMs).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomId.slice(15)}`
}
