/** A file that the README tells to write. */
export interface ExampleFile {
  readonly name: string
  readonly text: string
}

/**
 * The JavaScript files under a heading of a Markdown text. A block whose first line is a comment
 * with a file's name (`// devEnv.js`) is that file; the first other one is `server.js`.
 *
 * @throws where there is no such heading, or no JavaScript under it
 */
export function exampleFiles(markdown: string, heading: string): readonly ExampleFile[] {
  const section = sectionOf(markdown, heading)
  if (section === undefined) throw new Error(`README.md has no heading "${heading}".`)
  const blocks = codeBlocks(section).map((text) => ({ name: nameOf(text) ?? 'server.js', text }))
  const files = blocks.filter(
    ({ name }, index) => blocks.findIndex((other) => other.name === name) === index,
  )
  if (files.length === 0) throw new Error(`README.md has no JavaScript under "${heading}".`)
  return files
}

/** A file that is named anywhere in a Markdown text. */
export function namedFile(markdown: string, name: string): ExampleFile | undefined {
  const text = codeBlocks(markdown).find((block) => nameOf(block) === name)
  return text === undefined ? undefined : { name, text }
}

function sectionOf(markdown: string, heading: string): string | undefined {
  const lines = markdown.split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading)
  if (start === -1) return undefined
  const level = /^#+/.exec(lines[start] ?? '')?.[0].length ?? 0
  const length = lines
    .slice(start + 1)
    .findIndex((line) => new RegExp(`^#{1,${level}} `).test(line))
  return lines.slice(start, length === -1 ? undefined : start + 1 + length).join('\n')
}

function codeBlocks(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^```(?:js|javascript|mjs)\b[^\n]*\n(?<text>.*?)^```$/gms)].map(
    ({ groups }) => groups?.['text'] ?? '',
  )
}

function nameOf(block: string): string | undefined {
  return /^\/\/ (?<name>[\w.-]+\.m?js)\b/.exec(block)?.groups?.['name']
}
