// npm run test:services: starts the real servers that the service tests talk to, runs the given command with their addresses in its environment,
// and stops them. A server that is not installed is installed from Debian's packages where this user may; otherwise the run fails, never skips.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'millrace-services-'))
const stops: (() => void)[] = [() => rmSync(folder, { recursive: true, force: true })]
let exitCode = 1
try {
  const environment = { ...process.env, ...(await startPrometheus()) }
  const [command, ...args] = process.argv.slice(2)
  if (!command) throw new Error('Usage: node scripts/services.ts COMMAND [ARGUMENT ...]')
  exitCode = spawnSync(command, args, { stdio: 'inherit', env: environment }).status ?? 1
} catch (error) {
  console.error((error as Error).message)
} finally {
  for (const stop of stops.reverse()) stop()
}
process.exit(exitCode)

/** Prometheus, scraping every second whatever targets a test writes into its discovery file. */
async function startPrometheus(): Promise<Record<string, string>> {
  install('prometheus', ['prometheus', 'promtool'])
  const targetsFile = join(folder, 'targets.json')
  const configFile = join(folder, 'prometheus.yml')
  writeFileSync(targetsFile, '[]')
  writeFileSync(
    configFile,
    [
      'global: { scrape_interval: 1s }',
      'scrape_configs:',
      '  - job_name: millrace',
      `    file_sd_configs: [{ files: ["${targetsFile}"], refresh_interval: 1s }]`,
    ].join('\n'),
  )
  const port = await freePort()
  const server = spawn(
    'prometheus',
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let lastWords = ''
  server.stderr.on('data', (chunk) => {
    lastWords = String(chunk).trim()
  })
  stops.push(() => server.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  await untilReady(`${url}/-/ready`, () => lastWords)
  return { PROMETHEUS_URL: url, PROMETHEUS_TARGETS_FILE: targetsFile }
}

function install(debianPackage: string, commands: readonly string[]): void {
  const isThere = () => commands.every((command) => spawnSync('which', [command]).status === 0)
  if (isThere()) return
  if (process.getuid?.() !== 0 || spawnSync('which', ['apt-get']).status !== 0) {
    throw new Error(`${commands.join(' and ')} not found. Install the package "${debianPackage}" and run this again.`)
  }
  console.error(`installing ${debianPackage}`)
  execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore' })
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', debianPackage], {
    stdio: 'ignore',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (!isThere())
    throw new Error(`The package "${debianPackage}" was installed, but ${commands.join(' and ')} are still not found.`)
}

async function untilReady(url: string, lastWords: () => string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const isReady = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (isReady) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`${url} was not ready within 20 s. Its last words: ${lastWords()}`)
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
