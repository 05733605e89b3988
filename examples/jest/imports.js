// What the tests are about: the modules that a TypeScript file imports.
const ts = require('typescript')

exports.importsOf = (code) =>
  ts
    .createSourceFile('file.ts', code, ts.ScriptTarget.Latest)
    .statements.filter(ts.isImportDeclaration)
    .map((statement) => statement.moduleSpecifier.text)
