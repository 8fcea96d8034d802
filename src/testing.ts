// `millrace/testing`: the contract suites that every adapter of a port passes, for authors of adapters elsewhere. They run under Vitest.
export { testEventLog } from './ports/event-log.contract.ts'
export { testKeyStore } from './ports/key-store.contract.ts'
export { testMetadataStore } from './ports/metadata-store.contract.ts'
export { testOfflineStore } from './ports/offline-store.contract.ts'
export { testOnlineStore } from './ports/online-store.contract.ts'
export { testQuarantine } from './ports/quarantine.contract.ts'
export { testRecordSource } from './ports/record-source.contract.ts'
export { testSnapshotStore } from './ports/snapshot-store.contract.ts'
