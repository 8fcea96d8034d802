// Goal: whoever mistypes something, or runs on the wrong Node.js, is told what to do; scripts get the exit code of the catalogue.
// Method: the real program in a process of its own; and where only what is said to many command lines counts, its frame in one process for all of them.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandNames } from './commands.ts'

const repository = join(import.meta.dirname, '..', '..')
const program = join(repository, 'bin', 'millrace.js')
const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function millrace(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', MILLRACE_DEBUG: '', ...env },
  })
  return { stdout, stderr, status }
}

interface Said {
  readonly stdout: string
  readonly stderr: string
  readonly status: number
}

/** What `main` says to each command line, one after the other in one process: to start one takes half a second. */
function saidTo(commandLines: readonly (readonly string[])[]): ReadonlyMap<string, Said> {
  const script = `
    const { main } = await import(${JSON.stringify(new URL('./main.ts', import.meta.url).href)})
    const write = process.stdout.write.bind(process.stdout)
    const said = []
    for (const args of ${JSON.stringify(commandLines)}) {
      const own = { stdout: '', stderr: '' }
      for (const name of ['stdout', 'stderr']) {
        process[name].write = (text) => {
          own[name] += text
          return true
        }
      }
      const status = await main(args)
      said.push({ ...own, status })
    }
    write(JSON.stringify(said))`
  const flags = ['--conditions=millrace-source', '--no-warnings', '--input-type=module', '-e', script]
  const env = { ...process.env, NO_COLOR: '1', MILLRACE_DEBUG: '' }
  const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd: folder, encoding: 'utf8', env })
  expect(stderr).toBe('')
  const said = JSON.parse(stdout) as Said[]
  return new Map(commandLines.map((args, n) => [args.join(' '), said[n]!]))
}

const refused: readonly (readonly [readonly string[], string])[] = [
  [['trian'], 'CLI_USAGE: There is no command "trian".\nDid you mean "train"?'],
  [['init', '--onwer', 'me'], 'CLI_USAGE: millrace init has no option "--onwer".\nDid you mean "--owner"?'],
  [['status', 'now'], 'CLI_USAGE: millrace status has no place for "now".\nIt takes options only.'],
  [['quarantine', 'explain', '1', '2'], 'CLI_USAGE: millrace quarantine explain has no place for "2".'],
  [['keys', 'creat'], 'CLI_USAGE: There is no command "millrace keys creat".\nDid you mean "create"?'],
  [['keys'], 'CLI_USAGE: millrace keys needs to know what to do.'],
  [['init', 'shop', '--name', 'My Shop'], 'CLI_USAGE: "My Shop" cannot name a system'],
]

describe('millrace', () => {
  let said: ReadonlyMap<string, Said>
  beforeAll(() => {
    said = saidTo([...commandNames.map((name) => [name, '--help']), ...refused.map(([args]) => args)])
  })

  test('without a command, or with --help, it lists every command', () => {
    for (const args of [[], ['--help'], ['-h'], ['help']]) {
      const { stdout, status } = millrace(args)
      expect(status).toBe(0)
      for (const name of commandNames) expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
    }
  })

  test('help spells options with hyphens, as errors and the documentation do', () => {
    const { stdout } = millrace(['evaluate', '--help'])
    expect(stdout).toContain('--test-share=')
    expect(stdout).not.toMatch(/--[a-z]+[A-Z]/)
  })

  test('--version is that of the package', () => {
    const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
    expect(millrace(['--version']).stdout).toBe(`${version}\n`)
  })

  test('every command tells its options, also as `millrace help <command>`', () => {
    const { stdout, status } = millrace(['init', '--help'])
    expect(status).toBe(0)
    expect(stdout).toContain('USAGE millrace init [OPTIONS] [FOLDER]')
    expect(millrace(['help', 'init']).stdout).toBe(stdout)
    expect(millrace(['keys', 'create', '--help']).stdout).toContain('millrace keys create')
  })

  test.each(commandNames)('millrace %s --help says what it is for', (name) => {
    const { stdout, status } = said.get(`${name} --help`)!
    expect(status).toBe(0)
    expect(stdout).toMatch(new RegExp(`^\\S.* \\(millrace ${name}\\)\\n\\nUSAGE millrace ${name}`))
  })

  test.each(refused)('%j is refused with exit code 64 and the nearest name', (args, message) => {
    const { stdout, stderr, status } = said.get(args.join(' '))!
    expect(stderr.startsWith(message)).toBe(true)
    expect(stdout).toBe('')
    expect(status).toBe(64)
  })

  test('an expected error has its own exit code and no stack trace, unless one is asked for', () => {
    const { stderr, status } = millrace(['models', 'list'])
    expect(status).toBe(66)
    expect(stderr).toMatch(/^CONFIG_NOT_FOUND: .*\nRun "millrace init"/)
    expect(stderr).not.toContain('    at ')
    expect(millrace(['models', 'list'], { MILLRACE_DEBUG: '1' }).stderr).toContain('    at ')
  })

  test('an unexpected error is one line and the way to more', () => {
    writeFileSync(join(folder, 'throw.mjs'), "process.cwd = () => { throw new RangeError('boom\\nmore') }\n")
    const preload = { NODE_OPTIONS: `--import=${join(folder, 'throw.mjs')}` }
    const { stderr, status } = millrace(['init', 'shop'], preload)
    expect(stderr).toBe(
      'Unexpected error: RangeError: boom\nRun the command with MILLRACE_DEBUG=1 to see where it happened, and report it with that output.\n',
    )
    expect(status).toBe(70)
    expect(millrace(['init', 'shop'], { ...preload, MILLRACE_DEBUG: '1' }).stderr).toMatch(
      /RangeError: boom\nmore\n {4}at /,
    )
  })

  test('so is one that nobody was waiting for', () => {
    const late = join(folder, 'late.mjs')
    writeFileSync(
      late,
      "process.on('newListener', (name) => name === 'uncaughtException' && setImmediate(() => { throw new RangeError('late') }))\n",
    )
    const { stderr, status } = millrace(['init', '--help'], { NODE_OPTIONS: `--import=${late}` })
    expect(stderr).toMatch(/^Unexpected error: RangeError: late\nRun the command with MILLRACE_DEBUG=1/)
    expect(status).toBe(70)
  })

  test('an older Node.js is told which one is needed', () => {
    // The same program and Node.js, which is made to report the version of an older one.
    const older = join(folder, 'older.mjs')
    writeFileSync(
      older,
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })\n",
    )
    const { stderr, status } = millrace(['--version'], { NODE_OPTIONS: `--import=${older}` })
    expect(stderr).toMatch(/^NODE_TOO_OLD: millrace runs on Node.js 24 or newer/)
    expect(status).toBe(69)
  })

  test('a pipe that closes early is no failure', () => {
    const script = join(folder, 'pipe.sh')
    writeFileSync(script, `#!/bin/sh\nset -o pipefail 2>/dev/null\n"${process.execPath}" "${program}" --help | true\n`)
    chmodSync(script, 0o755)
    expect(spawnSync('bash', [script], { encoding: 'utf8' }).stderr).toBe('')
  })
})
