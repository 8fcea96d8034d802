// The program that the contract suite of compute runs as a job: does one thing, named by its first argument.
import { writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

const [act, number] = process.argv.slice(2)
const BYTES_PER_MB = 2 ** 20

/** Keeps the program's own thread busy, as a kernel does. */
function spin(seconds: number): void {
  const untilMs = performance.now() + seconds * 1000
  while (performance.now() < untilMs);
}

const acts: Readonly<Record<string, () => void>> = {
  exit: () => process.exit(Number(number)),
  spin: () => spin(Number(number)),
  say: () => console.log(number),
  // Deaf to the request to end, which only a process that looks up now and then can hear.
  stubborn: () => {
    process.on('SIGTERM', () => {})
    writeSync(1, 'started\n')
    spin(Number(number))
  },
  wait: () => {
    writeSync(1, 'started\n')
    setTimeout(() => {}, Number(number) * 1000)
  },
  /** Outside of the heap, where kernels have theirs, without ever looking up. */
  fillOutside: () => {
    const pieces: Uint8Array[] = []
    for (let mb = 0; mb < Number(number); mb += 4) pieces.push(new Uint8Array(4 * BYTES_PER_MB).fill(1))
    spin(60)
    console.log(pieces.length)
  },
  /** Has threads of its own for a while, as kernels do, and then goes on without them. */
  threads: () => {
    const workers = [1, 2].map(() => new Worker(new URL('data:text/javascript,setInterval(() => {}, 1000)')))
    const isUp = Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('online', resolve))))
    const end = () => Promise.all(workers.map((worker) => worker.terminate()))
    void isUp.then(() => setTimeout(() => void end().then(() => setTimeout(() => console.log('done'), 500)), 500))
  },
  fillHeap: () => {
    const pieces: object[] = []
    for (;;) pieces.push({ n: pieces.length, text: `${pieces.length}` })
  },
}

acts[act!]!()
