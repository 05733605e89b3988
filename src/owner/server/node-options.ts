// Runs in: owner. Pure. The variable NODE_OPTIONS as a list of words, and back.

/**
 * The words of NODE_OPTIONS as Node reads them: they are separated by spaces. Inside double quotes a space is part of a
 * word, and a backslash keeps the next character.
 */
export function splitNodeOptions(text: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') {
      isQuoted = !isQuoted
      word ??= ''
    } else if (character === ' ' && !isQuoted) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      const isEscape = character === '\\' && isQuoted && at + 1 < text.length
      word = (word ?? '') + (isEscape ? text[++at]! : character)
    }
  }
  if (word !== undefined) words.push(word)
  return words
}

/** The value of NODE_OPTIONS that Node reads as these words. */
export function joinNodeOptions(words: readonly string[]): string {
  return words.map((word) => (/^[^ "\\]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, '\\$&')}"`)).join(' ')
}
