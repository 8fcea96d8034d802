import { describe } from 'vitest'
import { testOnlineStore } from '../../ports/online-store.contract.ts'
import { memoryOnlineStore, onlineMemory } from './memory-online-store.ts'

describe('online store in memory', () => {
  testOnlineStore(async () => {
    const memory = onlineMemory()
    return { open: async () => memoryOnlineStore(memory), remove: async () => {} }
  })
})
