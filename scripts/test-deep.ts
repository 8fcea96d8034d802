// npm run test:deep: the property tests at full size, and at the end what the test runner's own report says of each.
//   npm run test:deep -- --cases 20000 --kills 20   as many as given
//   npm run test:deep -- --seed 7                   other histories; the seed is printed
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '100' },
    sets: { type: 'string', default: '40' },
    commits: { type: 'string', default: '1000' },
    retrainings: { type: 'string', default: '200' },
    'source-kills': { type: 'string', default: '20' },
    trees: { type: 'string', default: '500' },
    seed: { type: 'string', default: '20261125' },
  },
})

/** What each file takes from the environment, and what it compares. */
const trials = [
  {
    path: 'src/data/feature-engine.test.ts',
    claim: `stream engine = oracle, ${values.cases} cases of a history and a moment`,
    variables: { MILLRACE_FEATURE_CASES: values.cases, MILLRACE_FEATURE_SEED: values.seed },
  },
  {
    path: 'src/adapters/duckdb/offline-store.test.ts',
    claim: `DuckDB SQL = oracle, ${values.cases} cases of a history and a moment, and a fifth of that in parts on disk; each in all features`,
    variables: { MILLRACE_CASES: values.cases, MILLRACE_SEED: values.seed },
  },
  {
    path: 'src/data/training-set.property.test.ts',
    claim: `a training set stays what it is, ${values.sets} histories`,
    variables: { MILLRACE_SET_CASES: values.sets, MILLRACE_SEED: values.seed },
  },
  {
    path: 'test/kill/feature-kill.test.ts',
    claim: `every tile equals the oracle after ${values.kills} kills of the engine`,
    variables: { MILLRACE_FEATURE_KILLS: values.kills },
  },
  {
    path: 'test/kill/registry-kill.test.ts',
    claim: `no alias names a missing or half-written bundle after ${values.kills} kills while training ends, promoting, rolling back and collecting`,
    variables: { MILLRACE_REGISTRY_KILLS: values.kills, MILLRACE_SEED: values.seed },
  },
  {
    path: 'test/sources/catalogue-kill.test.ts',
    claim: `what a catalogue API says is in the log after ${values['source-kills']} kills in the middle of runs`,
    variables: { MILLRACE_SOURCE_KILLS: values['source-kills'] },
  },
  {
    path: 'src/adapters/onnx/ranker.test.ts',
    claim: 'exported trees score in onnxruntime as here, within 1e-5, on 100,000 rows',
    variables: { MILLRACE_ONNX_ROWS: '100000' },
  },
  {
    path: 'test/kill/run-kill.test.ts',
    claim: `a training killed at any of ${values.kills} moments is told as lost, leaves nothing half-made, and goes on to the model it would have made`,
    variables: { MILLRACE_RUN_KILLS: values.kills, MILLRACE_SEED: values.seed },
  },
  {
    path: 'test/gates/retraining.test.ts',
    claim: `at least 95 % of ${values.retrainings} retrainings on the same data pass the gates`,
    variables: { MILLRACE_RETRAININGS: values.retrainings, MILLRACE_SEED: values.seed },
  },
  {
    path: 'test/delta/concurrent-commits.test.ts',
    claim: `8 processes with ${values.commits} Delta commits each lose and double none`,
    variables: { MILLRACE_DELTA_COMMITS: values.commits },
  },
  {
    path: 'src/kernels/tree-training.test.ts',
    claim: `boosted trees and their gradients = slow and plain versions, ${values.trees} cases each`,
    variables: { MILLRACE_TREE_CASES: values.trees },
  },
  {
    path: 'src/models/boosted-trees/train.test.ts',
    claim: 'boosted trees learn, with a million categories too',
    variables: { MILLRACE_TREE_CATEGORIES: '1000000' },
  },
]

interface FileReport {
  readonly name: string
  readonly status: 'passed' | 'failed'
  readonly startTime: number
  readonly endTime: number
  readonly assertionResults: readonly { readonly status: string; readonly title: string }[]
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-deep-'))
const root = join(import.meta.dirname, '..')
try {
  const reportPath = join(folder, 'report.json')
  const exitCode = await runTests(reportPath)
  const { testResults } = JSON.parse(readFileSync(reportPath, 'utf8')) as { testResults: readonly FileReport[] }
  const outcomes = trials.map((trial) => outcomeOf(trial, testResults))
  console.log(`\nseed ${values.seed}`)
  for (const { line } of outcomes) console.log(line)
  process.exitCode = exitCode === 0 && outcomes.every(({ isSound }) => isSound) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** @returns the exit code of the test runner */
function runTests(reportPath: string): Promise<number> {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const paths = trials.map(({ path }) => path)
  const options = [
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportPath}`,
    '--testTimeout=7200000',
    '--hookTimeout=600000',
  ]
  const variables = Object.assign({}, ...trials.map((trial) => trial.variables)) as Record<string, string>
  const child = spawn(process.execPath, [vitest, 'run', ...options, ...paths], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...variables },
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

function outcomeOf({ path, claim }: (typeof trials)[number], reports: readonly FileReport[]) {
  const report = reports.find(({ name }) => relative(root, name) === path)
  const count = (status: string): number =>
    report?.assertionResults.filter((result) => result.status === status).length ?? 0
  // A file that is not in the report, or in which nothing ran, shows nothing.
  const isSound =
    report?.status === 'passed' && count('passed') > 0 && count('passed') === report.assertionResults.length
  const seconds = report === undefined ? 0 : (report.endTime - report.startTime) / 1000
  const counts = `${count('passed')} passed, ${count('failed')} failed, ${seconds.toFixed(0)} s`
  return { isSound, line: `${isSound ? 'held' : 'NOT HELD'}: ${claim} (${counts})` }
}
