import type { ClientTime } from './client-time.ts'

export interface ManualTime extends ClientTime {
  /** Moves the time, running what falls due on the way, in order; promises settle in between. */
  advance(durationMs: number): Promise<void>
}

/** A time that stands still until it is moved. */
export function manualTime(): ManualTime {
  let nowMs = 0
  let timers: { readonly atMs: number; readonly run: () => void }[] = []
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return {
    now: () => nowMs,
    after(durationMs, run) {
      const timer = { atMs: nowMs + durationMs, run }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    async advance(durationMs) {
      const untilMs = nowMs + durationMs
      for (;;) {
        await settled()
        const next = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined) break
        timers = timers.filter((other) => other !== next)
        nowMs = next.atMs
        next.run()
      }
      nowMs = untilMs
      await settled()
    },
  }
}
