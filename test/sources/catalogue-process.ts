// Starts, kills and steers the process of `catalogue-server.ts`.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Fault =
  | 'none'
  | 'error'
  | 'busy'
  | 'busy-for-hours'
  | 'forbidden'
  | 'truncated'
  | 'half'
  | 'hangs'
  | 'trickles'
  | 'huge'
  | 'shape'
  | 'html'

export interface CatalogueState {
  readonly rows: readonly { readonly sku: string; readonly name: string; readonly [field: string]: unknown }[]
  readonly pageSize: number
  readonly paging: 'cursor' | 'feed' | 'page' | 'link' | 'same' | 'circle' | 'endless' | 'abroad'
  readonly hasEtags?: boolean
  /** Before each answer. */
  readonly slowMs?: number
  readonly faults?: readonly Fault[]
}

export class CatalogueProcess {
  readonly url: string
  readonly #folder: string
  readonly #port: number
  #process: ChildProcess | undefined

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
  }

  static async create(state: CatalogueState): Promise<CatalogueProcess> {
    const server = new CatalogueProcess(mkdtempSync(join(tmpdir(), 'millrace-catalogue-')), await freePort())
    server.change(state)
    return server
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const program = fileURLToPath(new URL('./catalogue-server.ts', import.meta.url))
    this.#process = spawn(process.execPath, [program, String(this.#port), this.#file], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    for (let attempt = 0; attempt < 200; attempt++) {
      if (
        await fetch(`${this.url}/log`).then(
          () => true,
          () => false,
        )
      )
        return
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error('the catalogue did not start within 5 s')
  }

  async kill(): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }

  /** From the next request on. */
  async set(state: CatalogueState): Promise<void> {
    this.change(state)
    await fetch(`${this.url}/reset`)
  }

  /** Also while it is down. */
  change(state: CatalogueState): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(state))
    renameSync(`${this.#file}.new`, this.#file)
  }

  /** The requests since it was asked last: when, address, authorisation, known version. */
  async requests(): Promise<string[]> {
    return (await fetch(`${this.url}/log`)).json() as Promise<string[]>
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get #file(): string {
    return join(this.#folder, 'state.json')
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}
