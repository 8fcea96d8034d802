import { expect, test } from 'vitest'
import { type ApiKey, isValidKey } from '../domain/api-key.ts'
import { type KeysPlace, keysCommand } from './keys.ts'
import { runCommandLine } from './run-command.ts'

function terminal() {
  const stored = new Map<string, ApiKey>()
  const printed: string[] = []
  const noted: string[] = []
  const places: KeysPlace[] = []
  let openCount = 0
  const command = keysCommand({
    open: async (place) => {
      places.push(place)
      openCount++
      return {
        add: async (key) => void stored.set(key.id, key),
        find: (id) => stored.get(id),
        list: () => [...stored.values()],
        revoke: async (id, revokedAtMs) => {
          const key = stored.get(id)
          if (key) stored.set(id, { ...key, revokedAtMs })
          return key !== undefined
        },
        close: async () => void openCount--,
      }
    },
    clock: { now: () => Date.UTC(2026, 0, 2) },
    print: (line) => printed.push(line),
    note: (line) => noted.push(line),
  })
  return {
    places,
    stored,
    printed,
    noted,
    openCount: () => openCount,
    run: (...args: string[]) => runCommandLine('keys', command, args),
  }
}

test('create prints the key alone, once, and stores only its hash', async () => {
  const { run, printed, noted, stored } = terminal()
  await run('create', '--scope', 'read,write', '--name', 'web')
  const [record] = [...stored.values()]
  expect(record).toMatchObject({ name: 'web', scopes: ['read', 'write'], createdAtMs: Date.UTC(2026, 0, 2) })
  expect(printed).toHaveLength(1)
  expect(isValidKey(printed[0]!, record!)).toBe(true)
  expect(JSON.stringify([noted, record])).not.toContain(printed[0]!.slice(21))
})

test('list shows keys without their secrets, as a table or as JSON', async () => {
  const { run, printed, stored } = terminal()
  await run('create', '--scope', 'read', '--name', 'web')
  const [key] = printed.splice(0)
  const [record] = [...stored.values()]
  await run('list')
  expect(printed.splice(0)).toEqual([
    'id                name  scopes  created                   revoked',
    `${record!.id}  web   read    2026-01-02T00:00:00.000Z`,
  ])
  await run('list', '--json')
  expect(printed.map((line) => JSON.parse(line))).toEqual([
    { id: record!.id, name: 'web', scopes: ['read'], createdAt: '2026-01-02T00:00:00.000Z' },
  ])
  expect(printed.join('')).not.toContain(key!.slice(21))
})

test('list says how to make the first key', async () => {
  const { run, printed } = terminal()
  await run('list')
  expect(printed.join('')).toContain('millrace keys create')
})

test('revoke makes a key stop working, and fails for an unknown id', async () => {
  const { run, stored, openCount } = terminal()
  await run('create', '--scope', 'admin', '--name', 'ops')
  const [record] = [...stored.values()]
  await run('revoke', record!.id)
  expect(stored.get(record!.id)?.revokedAtMs).toBe(Date.UTC(2026, 0, 2))
  await expect(run('revoke', 'nothing')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' })
  expect(openCount()).toBe(0)
})

test('an unknown scope names the nearest one, and a name must be given', async () => {
  const { run, stored } = terminal()
  await expect(run('create', '--scope', 'raed', '--name', 'web')).rejects.toMatchObject({
    code: 'CLI_USAGE',
    fix: expect.stringContaining('Did you mean "read"?'),
  })
  await expect(run('create', '--scope', 'read')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  await expect(run('create', '--scope', 'read', '--name', ' ')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  expect(stored.size).toBe(0)
})

test('keys are those of the data folder that is named, as the server takes it', async () => {
  const { run, places } = terminal()
  await run('create', '--scope', 'read', '--name', 'web', '--data', 'elsewhere')
  await run('list', '--data', 'elsewhere', '--system', 'shop')
  expect(places).toMatchObject([{ data: 'elsewhere' }, { data: 'elsewhere', system: 'shop' }])
})
