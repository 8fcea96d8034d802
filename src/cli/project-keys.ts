// millrace keys, with the key store of the project that it is run in.
import { join } from 'node:path'
import { openDataFolder } from '../adapters/embedded/data-folder.ts'
import { openKeyStore } from '../adapters/embedded/key-store.ts'
import { loadSystem } from '../config/load-system.ts'
import { systemClock } from '../lib/clock.ts'
import { keysCommand } from './keys.ts'

export default keysCommand({
  open: async ({ system, data }) => {
    const { folder } = await loadSystem(system)
    return openKeyStore({ folder: openDataFolder(data ?? join(folder, '.millrace')).keysDir })
  },
  clock: systemClock,
  print: (line) => console.log(line),
  note: (line) => console.error(line),
})
