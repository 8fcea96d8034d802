// A process as its supervisor sees it.
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { MillraceError } from '../lib/errors.ts'
import type { Taker } from './connection-queue.ts'
import type { FromProcess, ProcessName, ToProcess } from './process-messages.ts'

export interface ChildListener {
  taken(): void
  leaving(): void
  /** It asks for the metrics of the others. */
  askOthers(question: number): void
}

export class SupervisedChild implements Taker {
  readonly name: ProcessName
  readonly #child: ChildProcess
  readonly #metrics = new Map<number, (text: string | undefined) => void>()
  #questionCount = 0
  openCount = 0
  residentBytes = 0
  /** When it was last heard of, by `performance.now`. */
  heardAtMs = performance.now()
  isReady = false
  /** Whether its end is wanted. */
  isStopping = false
  /** Why it could not start, in its own words. */
  failure: Error | undefined
  /** Resolves with whether it became ready; where not, it is gone or about to be. */
  readonly ready: Promise<boolean>
  /** Resolves with how it ended, such as "exit code 1" or "SIGKILL". */
  readonly gone: Promise<string>

  constructor(name: ProcessName, child: ChildProcess, listener: ChildListener) {
    this.name = name
    this.#child = child
    let tellReady: (isReady: boolean) => void
    this.ready = new Promise((resolve) => {
      tellReady = resolve
    })
    child.on('message', (message: FromProcess) => {
      this.heardAtMs = performance.now()
      if (message.kind === 'failed') this.failure = failureOf(message)
      if (message.kind === 'ready') this.isReady = true
      if ('residentBytes' in message) this.residentBytes = message.residentBytes
      if ('openCount' in message) this.openCount = message.openCount
      if (message.kind === 'ready') tellReady(true)
      else if (message.kind === 'taken') listener.taken()
      else if (message.kind === 'leaving') listener.leaving()
      else if (message.kind === 'askOthers') listener.askOthers(message.question)
      else if (message.kind === 'metrics') this.#metrics.get(message.question)?.(message.text)
    })
    this.gone = new Promise((resolve) => {
      const end = (how: string): void => {
        this.isReady = false
        tellReady(false)
        for (const answer of this.#metrics.values()) answer(undefined)
        resolve(how)
      }
      child.on('error', (error) => {
        // Also a message that could not be sent; only one that was never started has no number.
        if (child.pid === undefined) end(String(error))
      })
      child.on('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  send(connection: Socket): void {
    // Kept open on this side until it has arrived: where the process dies before, another one gets it.
    this.#tell({ kind: 'connection' }, connection)
  }

  stop(): void {
    this.isStopping = true
    this.#tell({ kind: 'stop' })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  tellOthers(question: number, metrics: Extract<ToProcess, { kind: 'others' }>['metrics']): void {
    this.#tell({ kind: 'others', question, metrics })
  }

  /** Undefined where it is gone, or `forget` was called. */
  metrics(): { readonly text: Promise<string | undefined>; readonly forget: () => void } {
    const question = this.#questionCount++
    let forget = (): void => {}
    const text = new Promise<string | undefined>((resolve) => {
      const answer = (told: string | undefined): void => {
        this.#metrics.delete(question)
        resolve(told)
      }
      forget = () => answer(undefined)
      this.#metrics.set(question, answer)
      this.#tell({ kind: 'tellMetrics', question })
    })
    return { text, forget }
  }

  #tell(message: ToProcess, connection?: Socket): void {
    if (!this.#child.connected) return
    if (connection) this.#child.send(message, connection, { keepOpen: true }, () => {})
    else this.#child.send(message, () => {})
  }
}

const failureOf = ({ code, message, fix }: Extract<FromProcess, { kind: 'failed' }>): Error =>
  code === undefined ? new Error(message) : new MillraceError(code, message, fix === undefined ? {} : { fix })
