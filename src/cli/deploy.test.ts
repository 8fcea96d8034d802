import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import deploy from './deploy.ts'
import { runCommandLine } from './run-command.ts'

const system = join(import.meta.dirname, '..', '..', 'examples', 'online-retail')
let out: string
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'millrace-deploy-'))
  vi.spyOn(console, 'log').mockImplementation(() => {})
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(out, { recursive: true })
})

const run = (...args: string[]): Promise<void> =>
  // biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, which only citty looks at.
  runCommandLine('deploy', deploy as any, [...args, '--system', system, '--out', out])
const written = (file: string): string => readFileSync(join(out, file), 'utf8')

test('names every replica, and what may be asked twice', async () => {
  await run('--to', 'haproxy', '--replicas', '10.0.0.5:7700, [fd00::1]:7701', '--port', '80')
  const text = written('haproxy.cfg')
  expect(text).toContain('    bind :80\n')
  expect(text).toContain('    server replica-1 10.0.0.5:7700\n    server replica-2 [fd00::1]:7701\n')
  expect(text).toContain('    acl is_repeatable path_beg /v1/events\n')
  expect(text).not.toContain('path_beg /v1/runs')
  expect(written('millrace.service')).toContain(' start --host 10.0.0.5 --port 7700 --drain 5 --data ')
  await run('--to', 'nginx', '--replicas', 'a.shop.example:7700', '--force')
  expect(written('nginx.conf')).toContain('    server a.shop.example:7700 max_fails=2')
})

test('a file that somebody has changed is not overwritten in silence', async () => {
  await run('--to', 'haproxy')
  await run('--to', 'haproxy')
  const file = join(out, 'haproxy.cfg')
  writeFileSync(file, 'mine')
  await expect(run('--to', 'haproxy')).rejects.toMatchObject({ code: 'FILE_EXISTS' })
  expect(written('haproxy.cfg')).toBe('mine')
  await run('--to', 'haproxy', '--force')
  expect(written('haproxy.cfg')).not.toBe('mine')
})

test.each([
  [['--to', 'envoy'], /--to is "envoy", expected haproxy or nginx/],
  [['--to', 'nginx', '--replicas', 'a:1;}'], /--replicas names "a:1;}", expected HOST:PORT/],
  [['--to', 'nginx', '--replicas', 'a:0'], /--replicas names "a:0"/],
  [['--to', 'nginx', '--port', 'x'], /--port is "x"/],
])('%j is refused', async (args, message) => {
  await expect(run(...args)).rejects.toMatchObject({ code: 'CLI_USAGE', message: expect.stringMatching(message) })
})
