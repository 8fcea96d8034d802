// The last line of a continuous-integration run: what the test runner's own reports say, added up.
import { existsSync, readFileSync } from 'node:fs'

let [passed, failed, skipped] = [0, 0, 0]
let isComplete = true
for (const path of process.argv.slice(2)) {
  if (!existsSync(path)) {
    console.log(`no report: ${path}`)
    isComplete = false
    continue
  }
  const report = JSON.parse(readFileSync(path, 'utf8'))
  passed += report.numPassedTests
  failed += report.numFailedTests
  skipped += report.numPendingTests + report.numTodoTests
  // A file that cannot even be loaded holds no test that could fail.
  if (report.numFailedTests === 0 && !report.success) isComplete = false
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exit(failed === 0 && passed > 0 && isComplete ? 0 : 1)
