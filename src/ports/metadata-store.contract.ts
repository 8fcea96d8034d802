import { describe, expect, it } from 'vitest'
import { testCheckResults } from './check-results.contract.ts'
import { testFeatureVersions } from './feature-versions.contract.ts'
import { someGateReport, testGateReports } from './gate-reports.contract.ts'
import type { MetadataStore } from './metadata-store.ts'
import { someModel, testModelRegistry } from './model-registry.contract.ts'
import { testModelUses } from './model-uses.contract.ts'
import type { Fresh } from './port-under-test.contract.ts'
import { testRunStore } from './run-store.contract.ts'
import { newSourceState, testSourceStates } from './source-states.contract.ts'
import { testTablePublications } from './table-publications.contract.ts'
import { testTrainingSets } from './training-sets.contract.ts'

/** A store that can be opened again, also while it is open: by a second process, as it were. */
export interface MetadataStoreUnderTest {
  open(): Promise<MetadataStore>
  /** Takes away what `open` made; every store is closed by then. */
  remove(): Promise<void>
}

/** What every metadata store must do. `fresh` gives a new, empty one per call. */
export function testMetadataStore(fresh: () => Promise<MetadataStoreUnderTest>): void {
  const part =
    <Port>(portOf: (store: MetadataStore) => Port): Fresh<Port> =>
    async () => {
      const underTest = await fresh()
      const open = async () => {
        const store = await underTest.open()
        return { port: portOf(store), close: () => store.close() }
      }
      return { open, remove: () => underTest.remove() }
    }

  describe('source states', () => testSourceStates(part((store) => store.sourceStates)))
  describe('check results', () => testCheckResults(part((store) => store.checkResults)))
  describe('feature versions', () => testFeatureVersions(part((store) => store.featureVersions)))
  describe('training sets', () => testTrainingSets(part((store) => store.trainingSets)))
  describe('table publications', () => testTablePublications(part((store) => store.tablePublications)))

  describe('model registry', () => testModelRegistry(part((store) => store.modelRegistry)))
  describe('model uses', () =>
    testModelUses(part(({ modelUses, modelRegistry }) => ({ uses: modelUses, registry: modelRegistry }))))

  describe('runs', () => testRunStore(part((store) => store.runs)))
  describe('gate reports', () => testGateReports(part((store) => store.gateReports)))

  describe('the store', () => {
    it('is made once, however many processes open it at the same moment', async () => {
      const underTest = await fresh()
      const stores = await Promise.all(Array.from({ length: 4 }, () => underTest.open()))
      await stores[0]!.sourceStates.save(newSourceState('s'), 0)
      for (const store of stores) expect((await store.sourceStates.list()).length).toBe(1)
      await Promise.all(stores.map((store) => store.close()))
      await underTest.remove()
    })

    it('remembers everything after closing and opening again', async () => {
      const underTest = await fresh()
      const first = await underTest.open()
      const maker = { pid: 7, startedAt: '1234' }
      await first.sourceStates.save(newSourceState('s'), 0)
      await first.featureVersions.begin({ feature: 'f', version: 'v', definition: null, atMs: 1 })
      await first.checkResults.saveProfile('t', { date: '2026-03-01', profile: new Uint8Array([1]) })
      await first.trainingSets.begin({ contentHash: 'h', manifest: {}, tables: [], createdAtMs: 1 }, maker)
      await first.modelRegistry.register(someModel('m', 1), 1)
      await first.gateReports.append(someGateReport)
      await first.close()
      const second = await underTest.open()
      expect((await second.sourceStates.load('s'))?.generation).toBe(1)
      expect((await second.featureVersions.list()).length).toBe(1)
      expect((await second.checkResults.profiles('t', { from: '2026-03-01', to: '2026-03-01' })).length).toBe(1)
      expect((await second.trainingSets.list(10)).length).toBe(1)
      expect((await second.modelRegistry.list()).length).toBe(1)
      expect((await second.gateReports.list('m1', 10)).length).toBe(1)
      await second.close()
      await underTest.remove()
    })

    it('ends what was begun when it is closed, and takes nothing more', async () => {
      const underTest = await fresh()
      const store = await underTest.open()
      const saving = store.sourceStates.save(newSourceState('s'), 0)
      const closing = store.close()
      const closed = expect.objectContaining({ code: 'METADATA_CLOSED' })
      await expect(store.sourceStates.load('s')).rejects.toThrow(closed)
      await expect(store.featureVersions.activate({ feature: 'f', version: 'v' }, 1)).rejects.toThrow(closed)
      expect(await saving).toBe(1)
      await closing
      await store.close()
      const again = await underTest.open()
      expect((await again.sourceStates.load('s'))?.generation).toBe(1)
      await again.close()
      await underTest.remove()
    })
  })
}
