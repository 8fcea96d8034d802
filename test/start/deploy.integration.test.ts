// Goal: what `millrace deploy` writes is what the real load balancers understand, and behind it a replica may die, or stop, without a visitor noticing. Method: HAProxy
// and nginx, as shipped by Debian, with the generated files, over two real `millrace start`; visitors that never ask twice.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { install, isCommand } from '../../scripts/services/debian-package.ts'
import { freePort, type ServerProcess, startServer } from '../../scripts/services/server-process.ts'
import { repositoryRoot } from '../source-files.ts'
import { post, underLoad } from './load.testing.ts'
import { type MadeShop, makeShop, type Started, shopFolder, startShop } from './started.testing.ts'

let shop: MadeShop
let folder: string
beforeAll(async () => {
  install('haproxy', () => isCommand('haproxy'))
  install('nginx-light', () => isCommand('nginx'))
  shop = await makeShop()
  folder = mkdtempSync(join(tmpdir(), 'millrace-deploy-'))
}, 300_000)
afterAll(() => {
  shop?.remove()
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

const started: Started[] = []
const balancers: ServerProcess[] = []
afterEach(async () => {
  for (const one of balancers.splice(0)) await one.end('SIGKILL')
  for (const one of started.splice(0)) await one.stop()
})
async function startReplica(): Promise<Started> {
  const one = await startShop(shop, '--workers', '1', '--drain', '3')
  started.push(one)
  return one
}

function deploy(to: string, port: number, replicas: readonly string[]): void {
  const bin = join(repositoryRoot, 'bin', 'millrace.js')
  const options = ['--to', to, '--port', String(port), '--replicas', replicas.join(','), '--out', folder, '--force']
  execFileSync(process.execPath, [bin, 'deploy', ...options, '--system', shopFolder, '--data', shop.dataDir])
}

const isReady = (port: number) => () =>
  fetch(`http://127.0.0.1:${port}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  )
const addressOf = ({ url }: Started): string => new URL(url).host

/** The supervisor and all of its processes, at once, as when a machine dies. */
function killWhole(replica: Started): void {
  const pids = [replica.child.pid!, ...Object.values(replica.pids())]
  for (const pid of pids) process.kill(pid, 'SIGKILL')
}

async function startHaproxy(port: number, replicas: readonly Started[]): Promise<void> {
  deploy('haproxy', port, replicas.map(addressOf))
  const config = join(folder, 'haproxy.cfg')
  const checked = spawnSync('haproxy', ['-c', '-f', config], { encoding: 'utf8' })
  expect(`${checked.stdout}${checked.stderr}`).not.toMatch(/ALERT|WARNING/)
  expect(checked.status).toBe(0)
  const logFile = join(folder, 'haproxy.log')
  balancers.push(await startServer({ command: 'haproxy', args: ['-f', config], logFile, isReady: isReady(port) }))
}

async function startNginx(port: number, replicas: readonly Started[]): Promise<void> {
  deploy('nginx', port, replicas.map(addressOf))
  const config = join(folder, 'main.conf')
  const main = ['daemon off;', `pid ${folder}/nginx.pid;`, 'error_log stderr;', 'events {}', 'http {']
  writeFileSync(config, [...main, 'access_log off;', `include ${folder}/nginx.conf;`, '}', ''].join('\n'))
  const checked = spawnSync('nginx', ['-t', '-c', config], { encoding: 'utf8' })
  expect(checked.stderr).toContain('test is successful')
  const logFile = join(folder, 'nginx.log')
  balancers.push(await startServer({ command: 'nginx', args: ['-c', config], logFile, isReady: isReady(port) }))
}

test.each([
  ['HAProxy', startHaproxy],
  ['nginx', startNginx],
] as const)(
  'behind %s one replica stops and comes back, another is killed with -9, and no request fails',
  {
    timeout: 120_000,
  },
  async (name, startBalancer) => {
    const replicas = [await startReplica(), await startReplica()] as const
    const port = await freePort()
    await startBalancer(port, replicas)
    const url = `http://127.0.0.1:${port}`
    const sent = await post(`${url}/v1/events`, { events: [{ interaction: 'view', userId: 'u', itemId: 'a0' }] })
    expect(sent).toMatchObject({ status: 200 })

    const stopping = await underLoad(url, async () => {
      expect(await replicas[0].stop()).toBe(0)
      await new Promise((resolve) => setTimeout(resolve, 500))
    })
    expect(stopping.failures).toEqual([])
    expect(stopping.resetCount).toBe(0)
    expect(stopping.answerCount).toBeGreaterThan(100)

    // Another one in its place, at the same address.
    const again = await startShop(shop, '--workers', '1', '--port', new URL(replicas[0].url).port)
    started.push(again)
    await new Promise((resolve) => setTimeout(resolve, 5_000))
    const killing = await underLoad(url, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      killWhole(replicas[1])
      await new Promise((resolve) => setTimeout(resolve, 3_000))
    })
    console.log(JSON.stringify({ name, stopping, killing }))
    expect(killing.failures).toEqual([])
    expect(killing.resetCount).toBe(0)
    expect(killing.answerCount).toBeGreaterThan(300)
  },
)

test('the unit is one that systemd understands', () => {
  install('systemd', () => isCommand('systemd-analyze'))
  deploy('haproxy', 8080, ['127.0.0.1:7700'])
  const { status, stdout, stderr } = spawnSync(
    'systemd-analyze',
    ['verify', '--man=no', '--recursive-errors=no', join(folder, 'millrace.service')],
    { encoding: 'utf8' },
  )
  // The program is not installed in the made shop's folder; nothing else may be amiss.
  const complaints = `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line.includes('millrace.service') && !/is not executable/.test(line))
  expect(complaints).toEqual([])
  expect([0, 1]).toContain(status)
})
