// node scripts/test-counts.ts <report> <exit status>
//
// Prints how many tests passed and how many failed, and then each that failed, in a line.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Each test or file that failed, and why: a line each. */
  readonly failures: readonly string[]
}

/** What is used of vitest's json report. */
export interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  /** One for each file. */
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/**
 * Counts of vitest's json report. A run that failed without a failed test (a file that did not
 * load, an error outside of a test, something left behind, no report at all) counts as one failure.
 */
export function testCounts(file: string, succeeded: boolean): TestCounts {
  const counts = read(file)
  if (succeeded || counts.failed > 0) return counts
  return { ...counts, failed: 1, failures: [...counts.failures, 'the run, outside of a test'] }
}

function read(file: string): TestCounts {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests + report.numTodoTests,
      failures: failuresOf(report),
    }
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: ['the run: there is no report'] }
  }
}

function failuresOf({ testResults }: VitestReport): string[] {
  return testResults.flatMap(({ name, message, assertionResults }) => [
    ...(message ? [inOneLine(name, message)] : []),
    ...assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages: [why = ''] }) =>
        inOneLine(`${basename(name)} › ${fullName}`, why),
      ),
  ])
}

function inOneLine(what: string, why: string): string {
  return `${what}: ${why}`.replaceAll(/\s+/g, ' ').slice(0, 500)
}

if (import.meta.main) {
  const [report = '', status] = process.argv.slice(2)
  const { passed, failed, failures } = testCounts(report, status === '0')
  console.log([`${passed} ${failed}`, ...failures].join('\n'))
}
