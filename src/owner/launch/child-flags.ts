// Runs in: owner. Pure. How a child is to be forked, as the flags of a control message.
import { FLAG_DETACHED, FLAG_KILL_TREE, FLAG_OUTLIVES } from '../../wire/control-codec.js'

/** How a child is forked: see LaunchRequest. */
export interface ChildFlags {
  detached: boolean
  killTree: boolean
  outlives?: boolean
}

/** The field `flags` of a `fork`. */
export function flagsOfChild({ detached, killTree, outlives }: ChildFlags): number {
  return (detached ? FLAG_DETACHED : 0) | (killTree ? FLAG_KILL_TREE : 0) | (outlives ? FLAG_OUTLIVES : 0)
}
