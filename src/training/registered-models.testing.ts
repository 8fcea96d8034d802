// A registry over a folder of bundles, for tests.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openMetadataStore } from '../adapters/embedded/metadata-store.ts'
import type { ModelDecision, ModelUser } from '../domain/registered-model.ts'
import { writeEmptyBundle } from '../models/bundle.testing.ts'
import type { MetadataStore } from '../ports/metadata-store.ts'
import { RegisteredModels } from './registered-models.ts'

export interface TestModels {
  readonly models: RegisteredModels
  readonly metadata: MetadataStore
  readonly modelsDir: string
  readonly clock: { nowMs: number; now(): number }
  /** Numbers of processes that count as running. */
  readonly running: Set<number>
  /** Writes a bundle and registers it. @returns its version */
  trained(trainedAtMs: number): Promise<string>
  promote(version: string): Promise<void>
  close(): Promise<void>
}

/** It overrides the gates, which tests of the registry are not about. */
export const someDecision: ModelDecision = { by: 'ada', command: 'a test', why: 'to see', override: 'a test' }
export const someUser: ModelUser = { id: 'one', pid: 7, startedAt: '1234' }

export async function openTestModels(): Promise<TestModels> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-registry-'))
  const modelsDir = join(folder, 'models')
  mkdirSync(modelsDir)
  const metadata = await openMetadataStore({ folder: join(folder, 'metadata') })
  const clock = {
    nowMs: 1_000_000,
    now() {
      return this.nowMs
    },
  }
  const running = new Set([someUser.pid])
  const { modelRegistry: registry, modelUses: uses, gateReports: gates } = metadata
  const models = new RegisteredModels({
    registry,
    uses,
    gates,
    modelsDir,
    clock,
    isRunning: ({ pid }) => running.has(pid),
  })
  return {
    models,
    metadata,
    modelsDir,
    clock,
    running,
    trained: async (trainedAtMs) => {
      const version = await writeEmptyBundle(modelsDir, trainedAtMs)
      await models.register(version)
      return version
    },
    promote: async (version) => void (await models.promote({ version, decision: someDecision })),
    close: async () => {
      await metadata.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
