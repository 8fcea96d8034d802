import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { testQuarantine } from '../../ports/quarantine.contract.ts'
import { openQuarantine } from './quarantine.ts'

describe('embedded quarantine', () => {
  testQuarantine(async (clock) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-quarantine-'))
    return { open: () => openQuarantine({ folder, clock }), remove: async () => rmSync(folder, { recursive: true }) }
  })

  it('adds nothing on a disk that is nearly full, but removes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-quarantine-'))
    const row = { reason: 'ROW_TOO_LONG', message: '', source: 's', where: 'w', payload: 'x' }
    const quarantine = await openQuarantine({ folder })
    await quarantine.add([row])
    await quarantine.close()
    const poor = await openQuarantine({ folder, roomBytes: Number.MAX_SAFE_INTEGER })
    await expect(poor.add([{ ...row, payload: 'y' }])).rejects.toMatchObject({ code: 'EVENT_LOG_FULL' })
    expect(await poor.list({ limit: 5 })).toMatchObject([{ payload: 'x' }])
    await poor.remove([1])
    expect(await poor.list({ limit: 5 })).toEqual([])
    await poor.close()
    rmSync(folder, { recursive: true })
  })

  it('cuts a payload of a megabyte, so that one row cannot fill the disk', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-quarantine-'))
    const quarantine = await openQuarantine({ folder })
    await quarantine.add([
      { reason: 'ROW_TOO_LONG', message: '', source: 's', where: 'w', payload: 'x'.repeat(2 ** 20) },
    ])
    expect((await quarantine.list({ limit: 1 }))[0]!.payload.length).toBe(65_536)
    await quarantine.close()
    rmSync(folder, { recursive: true })
  })
})
