/** A piece of code in a page, and how a reader would use it. */
export interface Block {
  /** From the repository's root. */
  readonly page: string
  /** Where its code begins in the page, from 1. */
  readonly line: number
  readonly language: 'ts' | 'js'
  readonly text: string
  /** The file that its first line names: `// server.js`. */
  readonly file: string | undefined
  /** Why it can't be run, in the words after `no-run` in its fence. */
  readonly noRun: string | undefined
  /** What the page asks of the server that it starts. */
  readonly visits: readonly Visit[]
}

/** A `curl` command of a page, with the lines that it is said to print. */
export interface Visit {
  readonly line: number
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** `-i`: the status and the headers are printed too. */
  readonly withHead: boolean
  /** `--cacert ca.pem`: certificates of that authority are trusted. */
  readonly trusting: boolean
  readonly expected: readonly string[]
}

/** A table's rows, each by the text of its column. */
export type Row = Readonly<Record<string, string>>

interface Fence {
  readonly language: string
  readonly info: string
  readonly line: number
  readonly lines: readonly string[]
}

/** The code of a page that is to be compiled and run. */
export function blocksOf(page: string, markdown: string): readonly Block[] {
  const blocks: (Block & { visits: Visit[] })[] = []
  for (const { language, info, line, lines } of fences(markdown)) {
    if (language === 'sh') {
      const server = blocks.findLast(({ text }) => isServer(text))
      const visits = visitsOf(line, lines)
      if (visits.length > 0 && !server) throw new Error(`${page}:${line} visits no server above it`)
      server?.visits.push(...visits)
    } else if (language === 'ts' || language === 'js') {
      const text = lines.join('\n')
      const file = /^\/\/ (?<file>[\w.-]+(?:\/[\w.-]+)*\.(?:[jt]s))$/.exec(lines[0] ?? '')
        ?.groups?.['file']
      const noRun = /^no-run\b(?<why>.*)$/.exec(info)?.groups?.['why']?.trim()
      if (info !== '' && !noRun) throw new Error(`${page}:${line - 1} has a fence with ${info}`)
      blocks.push({ page, line, language, text, file, noRun, visits: [] })
    }
  }
  return blocks
}

/** Whether a block listens where the pages' readers look for it. */
export const isServer = (text: string): boolean => /\.listen\(8080\b/.test(text)

/** The rows of the table whose first column has this heading. */
export function tableOf(markdown: string, firstColumn: string): readonly Row[] {
  const lines = markdown.split('\n')
  const start = lines.findIndex((line) => cells(line)[0] === firstColumn)
  if (start === -1) throw new Error(`There is no table whose first column is ${firstColumn}`)
  const names = cells(lines[start] ?? '')
  const length = lines.slice(start).findIndex((line) => !line.startsWith('|'))
  return lines.slice(start + 2, length === -1 ? undefined : start + length).map((line) => {
    const values = cells(line)
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
  })
}

/** The rows of all tables that have a column. */
export function rowsWith(markdown: string, column: string): readonly Row[] {
  const tables = markdown.split(/\n(?!\|)/).map((part) => part.slice(part.indexOf('\n|') + 1))
  return tables.flatMap((table) => {
    const [head = '', , ...rows] = table.trimEnd().split('\n')
    const names = cells(head)
    if (!head.startsWith('|') || !names.includes(column)) return []
    return rows.map((row) => {
      const values = cells(row)
      return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
    })
  })
}

/** What a page links to that is no other site's. */
export function linksOf(markdown: string): readonly string[] {
  const prose = markdown.replace(/^```.*?^```$/gms, '').replace(/`[^`]*`/g, 'code')
  return [...prose.matchAll(/\]\((?<target>[^)\s]+)\)/g)]
    .map(({ groups }) => groups?.['target'] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): readonly string[] {
  const prose = markdown.replace(/^```.*?^```$/gms, '')
  return [...prose.matchAll(/^#+ (?<title>.+)$/gm)].map(({ groups }) =>
    (groups?.['title'] ?? '')
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}

function* fences(markdown: string): Generator<Fence> {
  const lines = markdown.split('\n')
  for (let index = 0; index < lines.length; index += 1) {
    const opening = /^```(?<language>\w*) ?(?<info>.*)$/.exec(lines[index] ?? '')
    if (!opening) continue
    const length = lines.slice(index + 1).indexOf('```')
    if (length === -1) throw new Error(`The fence in line ${index + 1} has no end`)
    const { language = '', info = '' } = opening.groups ?? {}
    yield { language, info, line: index + 2, lines: lines.slice(index + 1, index + 1 + length) }
    index += length + 1
  }
}

function visitsOf(first: number, lines: readonly string[]): Visit[] {
  const visits: (Visit & { expected: string[] })[] = []
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('curl ')) visits.push(visitOf(first + index, line))
    else if (line.startsWith('# ')) visits.at(-1)?.expected.push(line.slice(2))
  }
  return visits
}

function visitOf(line: number, command: string): Visit & { expected: string[] } {
  const words = [...command.matchAll(/'(?<quoted>[^']*)'|(?<plain>\S+)/g)]
    .map(({ groups }) => groups?.['quoted'] ?? groups?.['plain'] ?? '')
    .slice(1)
  const headers: Record<string, string> = {}
  let method = 'GET'
  let withHead = false
  let trusting = false
  let url: string | undefined
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-i') withHead = true
    else if (word === '--cacert' && words[0] === 'ca.pem') trusting = words.shift() !== undefined
    else if (word === '-X') method = words.shift() ?? ''
    else if (word === '-H') {
      const [name = '', value = ''] = (words.shift() ?? '').split(': ')
      headers[name] = value
    } else if (url === undefined && /^https?:/.test(word)) url = word
    else throw new Error(`The test of the pages does not know ${word} in line ${line}: ${command}`)
  }
  if (url === undefined) throw new Error(`There is no address in line ${line}: ${command}`)
  return { line, url, method, headers, withHead, trusting, expected: [] }
}

function cells(line: string): readonly string[] {
  if (!line.startsWith('|')) return []
  return line
    .slice(1, line.lastIndexOf('|'))
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim())
}
