// Runs in: the test runner. The API reference that TypeDoc makes from the doc comments, as objects.
import path from 'node:path'
import { Application, type Comment, type CommentTag, type ProjectReflection } from 'typedoc'
import { ROOT } from '../rules/sources.js'

/** Reads the sources as `npm run docs:api` does. */
export async function loadReference(): Promise<{ app: Application; project: ProjectReflection }> {
  const options = path.join(ROOT, 'typedoc.json')
  const app = await Application.bootstrapWithPlugins({ options, logLevel: 'None' })
  const project = await app.convert()
  if (!project) throw new Error('TypeDoc cannot read the sources: npm run docs:api')
  return { app, project }
}

/** The tags of a doc comment that have this name. */
export const tagsOf = (of: { comment?: Comment | undefined }, tag: string): CommentTag[] =>
  of.comment?.blockTags.filter((one) => one.tag === tag) ?? []

export const textOf = ({ content }: CommentTag): string => content.map(({ text }) => text).join('')

/** The code of each example in a doc comment. */
export const examplesOf = (of: { comment?: Comment | undefined }): string[] =>
  tagsOf(of, '@example').map((tag) => textOf(tag).replace(/^```\w*\n|\n```$/g, ''))
