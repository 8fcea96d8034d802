// npm run test:services: starts the real servers that the service tests talk to, runs the given command with their addresses in its environment,
// and stops them. A server that is not installed is installed from Debian's packages where this user may; otherwise the run fails, never skips.
import { spawnSync } from 'node:child_process'
import { startChromium } from './services/chromium.ts'
import { startPostgres } from './services/postgres.ts'
import { startPrometheus } from './services/prometheus.ts'

const stops: (() => Promise<void>)[] = []
let exitCode = 1
try {
  const [command, ...args] = process.argv.slice(2)
  if (!command) throw new Error('Usage: node scripts/services.ts COMMAND [ARGUMENT ...]')
  const prometheus = await startPrometheus()
  stops.push(prometheus.stop)
  const postgres = await startPostgres()
  stops.push(postgres.stop)
  const chromium = await startChromium()
  stops.push(chromium.stop)
  const addresses = {
    PROMETHEUS_URL: prometheus.url,
    PROMETHEUS_TARGETS_FILE: prometheus.targetsFile,
    POSTGRES_URL: postgres.url,
    CHROMIUM_URL: chromium.url,
  }
  exitCode = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...addresses } }).status ?? 1
} catch (error) {
  console.error((error as Error).message)
} finally {
  for (const stop of stops) await stop()
}
process.exit(exitCode)
