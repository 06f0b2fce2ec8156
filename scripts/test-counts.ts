// node scripts/test-counts.ts <report> <exit status>
//
// Prints how many tests passed and how many failed.
import { readFileSync } from 'node:fs'

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What is used of vitest's json report. */
export interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
}

/**
 * Counts of vitest's json report. A run that failed without a failed test (a file that did not
 * load, an error outside of a test, something left behind, no report at all) counts as one failure.
 */
export function testCounts(file: string, succeeded: boolean): TestCounts {
  const counts = read(file)
  return succeeded || counts.failed > 0 ? counts : { ...counts, failed: 1 }
}

function read(file: string): TestCounts {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests + report.numTodoTests,
    }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

if (import.meta.main) {
  const [report = '', status] = process.argv.slice(2)
  const { passed, failed } = testCounts(report, status === '0')
  console.log(`${passed} ${failed}`)
}
