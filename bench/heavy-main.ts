// Runs in: a plain Node process. Does one piece of work of heavy.ts and prints how long it took.
import * as heavy from './heavy.js'

console.log(heavy[process.argv[2] as keyof typeof heavy]())
