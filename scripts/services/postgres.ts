// A Postgres of its own for whoever asks: one cluster in a temporary folder, on a loopback port, run by a user without rights, as Postgres demands.
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { install } from './debian-package.ts'
import { freePort, type ServerProcess, startServer } from './server-process.ts'

/** With characters that an address must encode and that must not show in an error. */
const PASSWORD = 's3same:/@#?open'

export interface RunningPostgres {
  /** Of its superuser, with the password. */
  readonly url: string
  /** As if it had crashed: connections are cut at once and the next start recovers (`pg_ctl stop -m immediate`). */
  kill(): Promise<void>
  /** Starts it again after `kill`: the same data at the same address. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

export async function startPostgres(): Promise<RunningPostgres> {
  install('postgresql', () => programFolder() !== undefined)
  const programs = programFolder()!
  const user = unprivilegedUser()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-postgres-'))
  if (user) chownSync(folder, user.uid, user.gid)
  createCluster({ programs, folder, user })

  const port = await freePort()
  const start = (): Promise<ServerProcess> =>
    startServer({
      command: join(programs, 'postgres'),
      args: [
        ...['-D', join(folder, 'data'), '-k', folder, '-h', '127.0.0.1', '-p', String(port)],
        // What is tested is a server that dies, not a machine that loses power.
        ...['-c', 'fsync=off'],
      ],
      logFile: join(folder, 'log'),
      user,
      isReady: () => {
        const args = ['-q', '-h', '127.0.0.1', '-p', String(port)]
        return spawnSync(join(programs, 'pg_isready'), args).status === 0
      },
    })

  let server = await start()
  return {
    url: `postgres://millrace:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`,
    kill: () => server.end('SIGQUIT'),
    async restart() {
      server = await start()
    },
    async stop() {
      await server.end('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Debian keeps the server's programs apart by version and out of the path. The newest of those that are there. */
function programFolder(): string | undefined {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return undefined
  return readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')))
}

/** Undefined where this process has no rights to give up. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const numberOf = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: numberOf('-u'), gid: numberOf('-g') }
}

function createCluster(options: {
  readonly programs: string
  readonly folder: string
  readonly user: { readonly uid: number; readonly gid: number } | undefined
}): void {
  const { programs, folder, user } = options
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, PASSWORD)
  if (user) chownSync(passwordFile, user.uid, user.gid)
  const { status, stderr } = spawnSync(
    join(programs, 'initdb'),
    [
      ...['-D', join(folder, 'data'), '-U', 'millrace', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
      ...['-E', 'UTF8', '--locale=C.UTF-8', '--no-sync', '--no-instructions'],
    ],
    { encoding: 'utf8', cwd: folder, ...user },
  )
  if (status !== 0) throw new Error(`initdb failed: ${stderr}`)
}
