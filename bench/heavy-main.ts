// Runs in: a plain Node of its own. Does one piece of work of heavy.ts and prints how long it took.
import * as heavy from './heavy.js'

console.log(heavy[process.argv[2] as keyof typeof heavy]())
