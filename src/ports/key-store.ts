// Where API keys are remembered, as hashes. Read with every request, so reading is synchronous and must cost microseconds.
import type { ApiKey } from '../domain/api-key.ts'

export interface KeyStore {
  /** Durable when it resolves. */
  add(key: ApiKey): Promise<void>
  /** Sees what another process added or revoked within a second. Undefined for an unknown id. */
  find(id: string): ApiKey | undefined
  /** Every key ever made, revoked ones too, oldest first. */
  list(): readonly ApiKey[]
  /** Durable when it resolves. A key that was revoked before keeps its first moment. False where there is no such key. */
  revoke(id: string, revokedAtMs: number): Promise<boolean>
  close(): Promise<void>
}
