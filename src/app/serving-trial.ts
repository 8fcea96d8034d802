// Run as a process of its own by `measure-serving.ts`: node serving-trial.ts FOLDER-OF-SYSTEM DATA-FOLDER VERSION. Prints what answering costs, as one line of JSON.
import { openApp } from '../app.ts'
import { measureAnswers } from './measure-serving.ts'

const [systemFile, dataDir, version] = process.argv.slice(2) as [string, string, string]
const app = await openApp({ systemFile, dataDir })
try {
  const answers = await measureAnswers(app, version)
  process.stdout.write(`\n${JSON.stringify({ answers, residentBytes: process.memoryUsage().rss })}\n`)
} finally {
  await app.close()
}
