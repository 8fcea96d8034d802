import fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { Times } from './times.ts'

test('the text is the one that the metrics library writes, line by line', async () => {
  const bounds = [0.0005, 0.25, 1]
  const observation = fc.record({
    route: fc.oneof(fc.constantFrom('GET /a', 'POST /a/:id', 'unknown'), fc.string()),
    status: fc.constantFrom(200, 404, 500),
    seconds: fc.oneof(fc.constantFrom(0, ...bounds), fc.double({ min: 0, max: 3, noNaN: true })),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(observation), async (observations) => {
      const registry = new Registry()
      const options = { name: 'some_seconds', help: 'Some help.', labelNames: ['route', 'status'] }
      const reference = new Histogram({ ...options, buckets: bounds, registers: [registry] })
      const times = new Times({ ...options, labels: ['route', 'status'], bucketsSeconds: bounds })
      for (const { route, status, seconds } of observations) {
        reference.observe({ route, status }, seconds)
        times.observe(route, status, seconds)
      }
      const sorted = (text: string) => text.split('\n').sort()
      expect(sorted(times.text())).toEqual(sorted(await registry.metrics()))
    }),
  )
})
