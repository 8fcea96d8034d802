import { expect, it } from 'vitest'
import type { GateReport } from '../domain/gate-report.ts'
import type { GateReports } from './gate-reports.ts'
import type { Fresh } from './port-under-test.contract.ts'

export const someGateReport: GateReport = {
  id: 'g1',
  version: 'm1',
  judgedAtMs: 2_000,
  champion: 'm0',
  comparison: { champion: 'm0', on: 'fresh', splitAtMs: 1_000, untilMs: 1_900 },
  passed: true,
  results: [
    {
      gate: 'accuracy',
      verdict: 'passed',
      measured: [{ name: "NDCG over the champion's", value: 0.01, interval: [-0.01, 0.03], count: 80 }],
      bound: -0.02,
      userCount: 80,
      reason: 'not worse',
    },
    { gate: 'memory', verdict: 'notJudged', measured: [], reason: 'no process' },
  ],
}

export function testGateReports(fresh: Fresh<GateReports>): void {
  it('gives back the reports of a version, newest first, as they were', async () => {
    const underTest = await fresh()
    const { port, close } = await underTest.open()
    const refused = { ...someGateReport, id: 'g2', judgedAtMs: 3_000, passed: false }
    await port.append(someGateReport)
    await port.append(refused)
    await port.append({ ...someGateReport, id: 'g3', version: 'm2' })
    expect(await port.list('m1', 10)).toEqual([refused, someGateReport])
    expect(await port.list('m1', 1)).toEqual([refused])
    expect(await port.list('m9', 10)).toEqual([])
    await close()
    await underTest.remove()
  })

  it('leaves a report as it is when it comes again', async () => {
    const underTest = await fresh()
    const { port, close } = await underTest.open()
    await port.append(someGateReport)
    await port.append({ ...someGateReport, passed: false })
    expect(await port.list('m1', 10)).toEqual([someGateReport])
    await close()
    await underTest.remove()
  })
}
