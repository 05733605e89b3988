// Runs in: the test runner. The API reference that TypeDoc makes from the doc comments (`npm run docs:api`) is
// complete: every export and every member has a text, parameters and results too, and functions and classes have an
// example.
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, test } from 'node:test'
import {
  type Application,
  type DeclarationReflection,
  type ProjectReflection,
  ReflectionKind,
  type SignatureReflection,
} from 'typedoc'
import { ERROR_CODES } from '#src/errors.js'
import { writeExamples } from './api-examples.js'
import { loadReference, tagsOf, textOf } from './api-reference.js'
import { makeWorkspace, typeErrors } from './workspace.js'

const workspace = makeWorkspace()
let app: Application
let project: ProjectReflection

after(workspace.remove)
before(async () => {
  ;({ app, project } = await loadReference())
})

/** Functions and methods that the project itself declares: not those of Node's classes. */
function signatures(): SignatureReflection[] {
  const found = project.getReflectionsByKind(ReflectionKind.CallSignature) as SignatureReflection[]
  return found.filter((signature) => {
    const owner = signature.parent as DeclarationReflection
    const isCallable = owner.kindOf([ReflectionKind.Function, ReflectionKind.Method])
    return isCallable && !signature.inheritedFrom && !owner.inheritedFrom
  })
}

const isVoid = (signature: SignatureReflection): boolean =>
  ['void', 'Promise<void>', 'never'].includes(String(signature.type))

test('every export and every member has a doc comment, and every type that one names is exported', () => {
  app.validate(project)
  assert.equal(app.logger.warningCount + app.logger.errorCount, 0, 'npm run docs:api lists what is missing')
})

test('every parameter has a text', () => {
  const missing = signatures().flatMap((signature) =>
    (signature.parameters ?? [])
      .filter(({ comment }) => !comment?.hasVisibleComponent())
      .map((parameter) => parameter.getFullName()),
  )
  assert.deepEqual(missing, [])
})

test('every function that returns a value says which', () => {
  const silent = signatures().filter((signature) => !isVoid(signature) && tagsOf(signature, '@returns').length === 0)
  assert.deepEqual(
    silent.map((signature) => signature.getFullName()),
    [],
  )
})

test('every class and every function has an example', () => {
  const all = [
    ...(project.getReflectionsByKind(ReflectionKind.Class) as DeclarationReflection[]),
    ...signatures().filter(({ parent }) => parent.kindOf(ReflectionKind.Function)),
  ]
  const without = all.filter((one) => tagsOf(one, '@example').length === 0)
  assert.deepEqual(
    without.map((one) => one.getFullName()),
    [],
  )
})

test('every error that a comment names exists, and has the class that the comment says', () => {
  const wrong = signatures().flatMap((signature) =>
    tagsOf(signature, '@throws').flatMap((tag) => {
      let current = ''
      return [...textOf(tag).matchAll(/\b(\w+Error)\b|\b(ERR_\w+)\b/g)].flatMap(([, name, code]) => {
        if (name) current = name
        const known = code === undefined ? undefined : ERROR_CODES[code as keyof typeof ERROR_CODES]
        return code === undefined || known?.[0] === current ? [] : [`${signature.getFullName()}: ${current} ${code}`]
      })
    }),
  )
  assert.deepEqual(wrong, [])
})

test('the examples compile: names, arguments and options exist', () => {
  const sources = writeExamples(project, path.join(workspace.folder, 'examples'))
  assert.ok(sources.length > 30)
  assert.deepEqual(typeErrors(sources), [])
})
