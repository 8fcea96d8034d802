// One text for one value, whatever the order its keys were written in: what hashes of plans and manifests are made of.
import { createHash } from 'node:crypto'

/**
 * JSON with the keys of every object in ascending order of their UTF-16 units and without white space (RFC 8785, "JSON Canonicalization Scheme").
 * Properties that are `undefined` are left out, as in JSON. We differ: a number that JSON cannot write (NaN, infinities) is a programmer error
 * and throws a TypeError, as does anything that is not plain data.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical JSON`)
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object') return canonicalObject(value as Record<string, unknown>)
  throw new TypeError(`a ${typeof value} has no canonical JSON`)
}

function canonicalObject(value: Record<string, unknown>): string {
  const members: string[] = []
  for (const key of Object.keys(value).sort()) {
    if (value[key] !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(value[key])}`)
  }
  return `{${members.join(',')}}`
}

/** SHA-256 of the canonical JSON of a value, as 64 hexadecimal digits. */
export function contentHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}
