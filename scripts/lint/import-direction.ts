// A plugin of oxlint with one rule: imports run in the direction that layers.ts gives.
import { relative, sep } from 'node:path'
import { refusal } from './layers.ts'

// The part of the plugin API that is used here; it is ESLint's.
interface Context {
  readonly cwd: string
  readonly filename: string
  report(problem: { readonly node: Node; readonly message: string }): void
}

interface Node {
  readonly type: string
  readonly source?: { readonly type: string; readonly value?: unknown } | null
  readonly importKind?: 'type' | 'value'
  readonly exportKind?: 'type' | 'value'
}

const importDirection = {
  create(context: Context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/')
    const check = (node: Node): void => {
      const specifier = node.source?.value
      if (typeof specifier !== 'string') return
      const typesOnly =
        node.type === 'TSImportType' || (node.importKind ?? node.exportKind) === 'type'
      const message = refusal(file, specifier, typesOnly)
      if (message !== undefined) context.report({ node, message })
    }
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportAllDeclaration: check,
      ExportNamedDeclaration: check,
      TSImportType: check,
    }
  },
}

export default { meta: { name: 'alcove' }, rules: { 'import-direction': importDirection } }
