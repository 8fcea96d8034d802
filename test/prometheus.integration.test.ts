// Goal: a real Prometheus, as shipped by Debian, accepts what /metrics says and stores it.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createClient } from 'millrace/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningSystem, serve } from '../src/app/serve.ts'
import type { App } from '../src/app.ts'
import { ials } from '../src/models/ials/ials.ts'
import { openTestApp } from './system.testing.ts'

const prometheusUrl = process.env.PROMETHEUS_URL
const targetsFile = process.env.PROMETHEUS_TARGETS_FILE

let app: App
let running: RunningSystem
beforeAll(async () => {
  app = await openTestApp({ cf: ials({ factors: 8 }) })
  running = await serve(app, { port: 0 })
})
afterAll(async () => {
  await running?.close()
  await app?.close()
})

/** The value of a query once it has one; undefined after 30 s. */
async function queried(query: string): Promise<number | undefined> {
  for (let attempt = 0; attempt < 60; attempt++) {
    const answer = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`)
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } }
    const [first] = data.result
    if (first) return Number(first.value[1])
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  return undefined
}

test('Prometheus scrapes a running system and knows what it was asked', async () => {
  expect(prometheusUrl, 'run this through "npm run test:services"').toBeDefined()
  const client = createClient({ url: running.url })
  await client.sendEvents([{ interaction: 'view', userId: 'u1', itemId: 'i1' }])
  await running.caughtUp()
  for (let n = 0; n < 7; n++) await client.recommend({ placement: 'home', userId: 'u2' })

  writeFileSync(targetsFile!, JSON.stringify([{ targets: [`127.0.0.1:${running.port}`] }]))
  const instance = `instance="127.0.0.1:${running.port}"`
  expect(await queried(`sum(millrace_answers_total{${instance},placement="home"})`)).toBe(7)
  expect(await queried(`min(up{${instance}})`)).toBe(1)
  expect(await queried(`sum(millrace_http_request_seconds_count{${instance},route="POST /v1/recommend"})`)).toBe(7)
  expect(await queried(`count(millrace_build_info{${instance}})`)).toBe(1)
})

// The process metrics come from the client library, whose old names the linter dislikes; dashboards everywhere expect them as they are.
test("Prometheus' own linter finds no fault with our metrics", async () => {
  const metrics = await (await fetch(`${running.url}/metrics`)).text()
  const ours = metrics.split('\n').filter((line) => /^(# (HELP|TYPE) )?millrace_/.test(line))
  expect(ours.length).toBeGreaterThan(20)
  const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: `${ours.join('\n')}\n`,
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})
