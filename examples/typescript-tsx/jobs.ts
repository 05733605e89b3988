// The jobs. They run in forked processes, which have tsx's hooks as their template has them.
export interface Text {
  title: string
  body: string
}

export enum Level {
  Easy = 'easy',
  Hard = 'hard',
}

export interface Rating {
  title: string
  words: Map<string, number>
  level: Level
}

/** Counts the words of a text. Sentences with more than eight words are hard to read. */
export function rate({ title, body }: Text): Rating {
  const words = new Map<string, number>()
  for (const [word] of body.toLowerCase().matchAll(/\p{L}+/gu)) words.set(word, (words.get(word) ?? 0) + 1)
  const isHard = body.split(/[.!?]/).some((sentence) => sentence.trim().split(/\s+/).length > 8)
  return { title, words, level: isHard ? Level.Hard : Level.Easy }
}
