import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { install, isCommand } from './debian-package.ts'
import { freePort, startServer } from './server-process.ts'

export interface RunningPrometheus {
  readonly url: string
  /** A test writes the targets to scrape into it. */
  readonly targetsFile: string
  stop(): Promise<void>
}

/** Prometheus, scraping every second whatever targets a test writes into its discovery file. */
export async function startPrometheus(): Promise<RunningPrometheus> {
  install('prometheus', () => ['prometheus', 'promtool'].every(isCommand))
  const folder = mkdtempSync(join(tmpdir(), 'millrace-prometheus-'))
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
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({
    command: 'prometheus',
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    logFile: join(folder, 'log'),
    isReady: () =>
      fetch(`${url}/-/ready`).then(
        (response) => response.ok,
        () => false,
      ),
  })
  return {
    url,
    targetsFile,
    async stop() {
      await server.end('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
