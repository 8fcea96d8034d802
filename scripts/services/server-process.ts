// A server as a child process. Its output goes to a file, because this process may be busy for minutes while a pipe would fill up and stop it.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'

export interface ServerProcess {
  readonly child: ChildProcess
  /** Resolves once the process is gone. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** Starts a server and waits until it is ready; throws with its last words where it ends before, or takes longer than 20 s. */
export async function startServer(options: {
  readonly command: string
  readonly args: readonly string[]
  readonly logFile: string
  /** The user to run as, where this process may choose. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
  readonly isReady: () => boolean | Promise<boolean>
}): Promise<ServerProcess> {
  const { command, args, logFile, user, isReady } = options
  const log = openSync(logFile, 'a')
  const child = spawn(command, args, { stdio: ['ignore', log, log], ...user })
  closeSync(log)
  let isGone = false
  const gone = new Promise<void>((resolve) => {
    const leave = () => {
      isGone = true
      resolve()
    }
    child.on('exit', leave).on('error', leave)
  })
  for (let attempt = 0; attempt < 200 && !isGone; attempt++) {
    if (await isReady()) {
      const end = (signal: NodeJS.Signals) => {
        child.kill(signal)
        return gone
      }
      return { child, end }
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  child.kill('SIGKILL')
  const lastWords = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n')
  throw new Error(`${command} ${isGone ? 'ended' : 'was not ready within 20 s'}. Its last words:\n${lastWords}`)
}

/** A port of the loopback interface that nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}
