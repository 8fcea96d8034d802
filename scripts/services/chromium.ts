import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { install, isCommand } from './debian-package.ts'
import { freePort, startServer } from './server-process.ts'

export interface RunningChromium {
  /** Where it is driven from, by the DevTools protocol. */
  readonly url: string
  stop(): Promise<void>
}

/** A browser without a window and with a profile of its own. */
export async function startChromium(): Promise<RunningChromium> {
  install('chromium', () => isCommand('chromium'))
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chromium-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({
    command: 'chromium',
    args: [
      '--headless=new',
      // Its sandbox does not work for root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-dev-shm-usage',
      `--remote-debugging-port=${port}`,
      `--user-data-dir=${join(folder, 'profile')}`,
      'about:blank',
    ],
    logFile: join(folder, 'log'),
    isReady: () =>
      fetch(`${url}/json/version`).then(
        (response) => response.ok,
        () => false,
      ),
  })
  return {
    url,
    async stop() {
      await server.end('SIGTERM')
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    },
  }
}
