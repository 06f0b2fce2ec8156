// ECMA-48 §5.4 (CSI), §5.6 and §8.3 (strings: DCS, SOS, PM, APC; OSC also ends with BEL, as in xterm), §5.3 (other sequences).
// A string that has no end is not taken for one: only its introducer goes. No payload holds ESC or C1, so that each character
// is looked at a bounded number of times.
const escapeSequences = new RegExp(
  [
    String.raw`(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]`,
    String.raw`(?:\u001b\]|\u009d)[^\u0007\u001b\u0080-\u009f]*(?:\u0007|\u001b\\|\u009c)`,
    String.raw`(?:\u001b[PX^_]|[\u0090\u0098\u009e\u009f])[^\u001b\u0080-\u009f]*(?:\u001b\\|\u009c)`,
    String.raw`\u001b[ -/]*[0-~]`,
  ].join('|'),
  'g',
)

// C0, DEL, C1, the bidirectional controls of UAX #9, the line and paragraph separators, and the byte order mark.
const controls =
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/**
 * Makes a line safe for a terminal, a log file and a page's text: escape sequences are removed, a tab becomes two spaces,
 * other control characters are shown as `\u0007`.
 */
export function sanitise(line: string): string {
  // Not by a pattern: `[\r\n]+$` takes quadratic time on a line of carriage returns.
  let end = line.length
  while (end > 0 && (line[end - 1] === '\r' || line[end - 1] === '\n')) end -= 1
  return line
    .slice(0, end)
    .replace(escapeSequences, '')
    .replace(controls, (character) =>
      character === '\t' ? '  ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}
