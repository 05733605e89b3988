// Runs in: the test runner. Finds the code blocks of a page of documentation, and what the comments in front of them
// say about them. Pure.
//
// A block that begins with a comment such as `// jobs.mjs` is a file of that name. Comments of HTML in front of a
// block, which readers do not see, say the rest:
//
//   <!-- before CODE -->        code in front of the block, which readers know from the text
//   <!-- after CODE -->         code behind the block, which for example ends it
//   <!-- file NAME CODE -->     a file that the blocks of the page use
//   <!-- fails TEXT -->         the block ends with this text on stderr, and not with exit code 0
//   <!-- warns TEXT -->         this text is on stderr
//   <!-- may-warn TEXT -->      this text may be on stderr
//   <!-- node 22.18 -->         needs this Node, or a later one
//   <!-- needs python3 -->      needs this command
//   <!-- skip: REASON -->       is not run, for this reason
import { marked, type Token } from 'marked'

/** What the comments in front of a block say. */
export interface Markers {
  before?: string
  after?: string
  fails?: string
  warns?: string
  'may-warn'?: string
  node?: string
  needs?: string
  skip?: string
}

/** A block of code, or a file that readers do not see. */
export interface Block extends Markers {
  /** The language that follows the fence: 'js', 'sh', 'text' and so on. */
  readonly language: string
  /** The name that the first line gives, if there is one. */
  readonly name: string | undefined
  readonly text: string
  readonly isHidden: boolean
}

const COMMENT = /^<!--\s*(before|after|file|fails|warns|may-warn|node|needs|skip:)\s+([\s\S]*?)\s*-->\s*$/
const NAME = /^(?:\/\/|#) ([\w./-]+\.(?:mjs|cjs|js|mts|cts|ts|jsx|py|json))(?:,[^\n]*)?\s*(?:\n|$)/
const HIDDEN_FILE = /^([\w./-]+\.(\w+))\n([\s\S]*)$/

/** All tokens of a page, in the order of its text. */
function flatten(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => {
    if (token.type === 'list') return token.items.flatMap((item: { tokens: Token[] }) => flatten(item.tokens))
    return token.type === 'blockquote' ? flatten(token.tokens ?? []) : [token]
  })
}

function hiddenFile(text: string): Block {
  const match = HIDDEN_FILE.exec(text)
  if (!match) throw new Error(`A hidden file has a name and a text: ${text}`)
  return { language: match[2]!, name: match[1]!, text: match[3]!, isHidden: true }
}

/** The blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = []
  let markers: Markers = {}
  for (const token of flatten(marked.lexer(page))) {
    if (token.type === 'html') {
      for (const comment of token.raw.split(/(?<=-->)\s*/).filter((text: string) => text !== '')) {
        const match = COMMENT.exec(comment)
        if (match?.[1] === 'file') blocks.push(hiddenFile(match[2]!))
        else if (!match) throw new Error(`Unknown comment: ${comment}`)
        else markers = { ...markers, [match[1]!.replace(':', '')]: match[2] }
      }
    } else if (token.type === 'code') {
      const language = (token.lang ?? '').split(' ')[0]!
      blocks.push({ language, name: NAME.exec(token.text)?.[1], text: token.text, isHidden: false, ...markers })
      markers = {}
    } else if (token.type !== 'space' && Object.keys(markers).length > 0) {
      throw new Error(`No block follows the comment ${JSON.stringify(markers)}, but: ${token.raw}`)
    }
  }
  return blocks
}

/** Whether a block of the page starts or imports the file of this name. */
export function isUsed(name: string, blocks: readonly Block[]): boolean {
  const base = name.replace(/\.([mc]?)ts$/, '.$1js')
  return blocks.some((block) => {
    if (block.name === name) return false
    const text = `${block.before ?? ''}\n${block.text}\n${block.after ?? ''}`
    const uses = block.language === 'sh' ? [` ${name}`] : [name, base].flatMap((one) => [`./${one}'`, `'${one}'`])
    return uses.some((use) => text.includes(use))
  })
}

/** Whether the output of a program is what a page shows. The page may have `…` for what differs each time. */
export function isOutput(shown: string, output: string): boolean {
  const parts = shown.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^\\n]*')}$`).test(output.replace(/\n$/, ''))
}
