// millrace deploy: writes the files that put the system behind a load balancer and under systemd. It changes nothing else.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { defineCommand } from 'citty'
import { haproxyConfig, nginxConfig, type Replica, systemdUnit } from '../app/deployment.ts'
import { loadSystem } from '../config/load-system.ts'
import { MillraceError } from '../lib/errors.ts'
import { appArguments } from './app-arguments.ts'
import { portNumber } from './server-arguments.ts'

const balancers = {
  haproxy: { file: 'haproxy.cfg', text: haproxyConfig },
  nginx: { file: 'nginx.conf', text: nginxConfig },
} as const

/** Longer than a load balancer that asks every second, and believes the second answer, takes to notice. */
const DRAIN_SECONDS = 5

export default defineCommand({
  meta: {
    name: 'deploy',
    description: 'Write the files of a load balancer in front of replicas, and of a systemd service',
  },
  args: {
    ...appArguments,
    to: { type: 'string', description: 'haproxy or nginx', required: true },
    replicas: {
      type: 'string',
      description: 'Where replicas answer: HOST:PORT, separated by commas',
      default: '127.0.0.1:7700',
    },
    port: { type: 'string', description: 'The port of the load balancer', default: '8080' },
    out: { type: 'string', description: 'The folder to write into (default: deploy beside the system file)' },
    force: { type: 'boolean', description: 'Overwrite files that were changed', default: false },
  },
  async run({ args }) {
    const balancer = balancers[balancerName(args.to)]
    const replicas = args.replicas.split(',').map((text) => replicaOf(text.trim()))
    const port = portNumber(args.port)
    const system = await loadSystem(args.system)
    const projectDir = system.folder ?? process.cwd()
    const dataDir = resolve(args.data ?? join(projectDir, '.millrace'))
    const [first] = replicas
    const unit = { systemName: system.plan.name, projectDir, dataDir, ...first!, drainSeconds: DRAIN_SECONDS }
    const folder = resolve(args.out ?? join(projectDir, 'deploy'))
    const files = [
      [join(folder, balancer.file), balancer.text({ replicas, port })],
      [join(folder, 'millrace.service'), systemdUnit(unit)],
    ] as const
    if (!args.force) for (const [path, text] of files) refuseChanged(path, text)
    for (const [path, text] of files) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
      console.log(path)
    }
  },
})

function balancerName(text: string): keyof typeof balancers {
  if (text === 'haproxy' || text === 'nginx') return text
  throw new MillraceError('CLI_USAGE', `--to is ${JSON.stringify(text)}, expected haproxy or nginx.`)
}

/** `host:port`; an IPv6 address in brackets. Nothing else may come into the files. */
function replicaOf(text: string): Replica {
  const [, bracketed, plain, port] = /^(?:\[([\da-fA-F:]+)\]|([\w.-]+)):(\d+)$/.exec(text) ?? []
  const host = bracketed ?? plain
  const number = Number(port)
  if (host !== undefined && number >= 1 && number <= 65_535) return { host, port: number }
  throw new MillraceError(
    'CLI_USAGE',
    `--replicas names ${JSON.stringify(text)}, expected HOST:PORT, such as 10.0.0.5:7700.`,
  )
}

function refuseChanged(path: string, text: string): void {
  if (!existsSync(path) || readFileSync(path, 'utf8') === text) return
  throw new MillraceError('FILE_EXISTS', `${path} is there, and differs from what would be written.`, {
    fix: 'Keep it, write elsewhere with "--out FOLDER", or overwrite it with "--force".',
  })
}
