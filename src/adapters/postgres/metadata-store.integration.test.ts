import { Pool } from 'pg'
import { afterAll, beforeAll, describe } from 'vitest'
import { testMetadataStore } from '../../ports/metadata-store.contract.ts'
import { openPostgresMetadataStore } from './metadata-store.ts'

const url = process.env.POSTGRES_URL
if (!url) throw new Error('Run this through "npm run test:services".')

let pool: Pool
let schemaCount = 0
beforeAll(() => {
  pool = new Pool({ connectionString: url })
})
afterAll(() => pool.end())
const freshSchema = (): string => `test ${process.pid} ${schemaCount++}`

describe('postgres metadata store', () =>
  testMetadataStore(async () => {
    const schema = freshSchema()
    return {
      open: () => openPostgresMetadataStore({ url, schema }),
      remove: async () => {
        await pool.query(`drop schema if exists "${schema}" cascade`)
      },
    }
  }))
