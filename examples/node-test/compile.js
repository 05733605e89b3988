// What is tested: it turns TypeScript into JavaScript.
import ts from 'typescript'

export function compile(code) {
  const { outputText, diagnostics } = ts.transpileModule(code, { reportDiagnostics: true })
  if (diagnostics.length > 0) throw new SyntaxError(ts.flattenDiagnosticMessageText(diagnostics[0].messageText, '\n'))
  return outputText.trim()
}
