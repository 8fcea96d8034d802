import { describe } from 'vitest'
import { testOnlineStore } from '../ports/online-store.contract.ts'
import { memoryOnlineStore, memoryRecords } from './online-store.testing.ts'

// What stands in for the store in this component's tests keeps the same law.
describe('online store in memory', () => {
  testOnlineStore(async () => {
    const records = memoryRecords()
    return { open: async () => memoryOnlineStore(records), remove: async () => {} }
  })
})
