// A Postgres server of its own, in a temporary folder, that a test may kill. Needs Debian's package `postgresql`.
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'

export class PostgresCluster {
  readonly url: string
  readonly #folder: string
  readonly #port: number

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
    this.url = `postgres://tester@127.0.0.1:${port}/postgres`
  }

  static async create(): Promise<PostgresCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-postgres-'))
    // Postgres refuses to run as root.
    const { uid, gid } = serverUser()
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
    execFileSync(program('initdb'), ['-D', join(folder, 'data'), '-U', 'tester', '-A', 'trust', '-N'], {
      stdio: 'ignore',
      ...serverUser(),
    })
    return new PostgresCluster(folder, await freePort())
  }

  /** Resolves once it answers; after a kill it recovers first. */
  async start(): Promise<void> {
    const settings = ['-c', 'fsync=off', '-c', 'max_prepared_transactions=4', '-k', this.#folder]
    spawn(program('postgres'), ['-D', join(this.#folder, 'data'), '-p', String(this.#port), ...settings], {
      stdio: 'ignore',
      detached: true,
      ...serverUser(),
    }).unref()
    for (let attempt = 0; attempt < 300; attempt++) {
      if (await this.#answers()) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('Postgres did not start within 15 s')
  }

  /** The whole server at once, with SIGKILL, as when its machine is switched off. */
  async kill(): Promise<void> {
    const file = join(this.#folder, 'data', 'postmaster.pid')
    if (!existsSync(file)) return
    const postmaster = Number(readFileSync(file, 'utf8').split('\n')[0])
    // Its children first: they would otherwise finish in peace and hold the shared memory.
    for (const pid of [...childrenOf(postmaster), postmaster]) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone already.
      }
    }
    for (let attempt = 0; attempt < 100 && isAlive(postmaster); attempt++)
      await new Promise((resolve) => setTimeout(resolve, 10))
  }

  /** Stops every process of it without ending it, or lets them go on: as when its disk hangs. */
  freeze(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const postmaster = Number(readFileSync(join(this.#folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
    for (const pid of [postmaster, ...childrenOf(postmaster)]) process.kill(pid, signal)
  }

  async query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(this.url)
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(sql, values)).rows
    } finally {
      await client.end().catch(() => {})
    }
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #answers(): Promise<boolean> {
    try {
      await this.query('SELECT 1')
      return true
    } catch {
      return false
    }
  }
}

function program(name: string): string {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  return versions.length === 0 ? name : join(root, versions[0]!, 'bin', name)
}

function serverUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const idOf = (option: string): number => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

function childrenOf(pid: number): number[] {
  const file = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A killed child that nobody waited for is still listed.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
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
