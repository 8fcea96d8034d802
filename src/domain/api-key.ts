// API keys: what they look like, what they may do, and how one is checked. Pure, except that making one needs the system's randomness,
// which comes in as an argument.
import { createHash, timingSafeEqual } from 'node:crypto'

/** What a key may do. `collect` sends events and nothing else, as a web page may; `write` includes it, and `admin` includes all. */
export const scopes = ['read', 'collect', 'write', 'admin'] as const
export type Scope = (typeof scopes)[number]

/** What is stored of a key. The secret itself is nowhere. */
export interface ApiKey {
  /** 16 hexadecimal digits, also the middle part of the key. Safe to show and to log. */
  readonly id: string
  /** What a person called it, such as "web". */
  readonly name: string
  readonly scopes: readonly Scope[]
  /** SHA-256 of the whole key, 64 hexadecimal digits. */
  readonly secretHash: string
  readonly createdAtMs: number
  /** When it stopped working; undefined while it works. */
  readonly revokedAtMs?: number
}

const PREFIX = 'mlr'
const ID_BYTES = 8
const SECRET_BYTES = 32
const KEY_PATTERN = /^mlr_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/

/**
 * A new key: `key` is shown to its owner once, `record` is what is stored.
 * @param randomBytes cryptographically strong; `node:crypto`'s outside tests
 */
export function createApiKey(
  wanted: { readonly name: string; readonly scopes: readonly Scope[]; readonly createdAtMs: number },
  randomBytes: (byteCount: number) => Buffer,
): { readonly key: string; readonly record: ApiKey } {
  const id = randomBytes(ID_BYTES).toString('hex')
  const key = `${PREFIX}_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`
  return {
    key,
    record: {
      id,
      name: wanted.name,
      scopes: scopes.filter((scope) => wanted.scopes.includes(scope)),
      secretHash: hashOf(key).toString('hex'),
      createdAtMs: wanted.createdAtMs,
    },
  }
}

/** The id inside a key; undefined where the text does not have the form of a key. */
export function keyIdOf(key: string): string | undefined {
  return KEY_PATTERN.exec(key)?.[1]
}

/** Whether `key` is the one that was stored as `record`, and still works. Takes the same time wherever the first difference is. */
export function isValidKey(key: string, record: ApiKey): boolean {
  return record.revokedAtMs === undefined && timingSafeEqual(hashOf(key), Buffer.from(record.secretHash, 'hex'))
}

/** Whether the scopes of a key cover what a route needs. */
export function allows(granted: readonly Scope[], needed: Scope): boolean {
  if (granted.includes(needed) || granted.includes('admin')) return true
  return needed === 'collect' && granted.includes('write')
}

// One round of SHA-256 is right here, and a slow password hash would be wrong: slow hashes make guessing a *guessable* secret expensive,
// but 256 random bits cannot be guessed at any speed, while the server would pay the slowness with every request.
function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
