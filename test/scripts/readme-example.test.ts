import { expect, it } from 'vitest'
import { exampleFiles, namedFile } from '../../scripts/readme-example.ts'

const readme = `# Alcove

### Express

\`\`\`sh
npm install express
\`\`\`

\`\`\`js
app.listen(8080)
\`\`\`

\`\`\`js
// devEnv.js
createServer()
\`\`\`

### Koa

\`\`\`js
// server.js
koa.listen(8080)
\`\`\`

### Nothing

Words alone.

## Next
`

it('takes the files of a section, by the name in their first line', () => {
  expect(exampleFiles(readme, 'Express')).toEqual([
    { name: 'server.js', text: 'app.listen(8080)\n' },
    { name: 'devEnv.js', text: '// devEnv.js\ncreateServer()\n' },
  ])
  expect(exampleFiles(readme, 'Koa').map(({ name }) => name)).toEqual(['server.js'])
  expect(namedFile(readme, 'devEnv.js')?.text).toContain('createServer()')
  expect(namedFile(readme, 'other.js')).toBeUndefined()
})

it('says what the README lacks', () => {
  expect(() => exampleFiles(readme, 'Hono')).toThrow('no heading "Hono"')
  expect(() => exampleFiles(readme, 'Nothing')).toThrow('no JavaScript under "Nothing"')
})
