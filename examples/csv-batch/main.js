import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { SingleBar } from 'cli-progress'
import { run } from './batch.js'
import { orders } from './orders.js'

const COUNT = 2_000
const OUTPUT = 'checked.csv'

const bar = new SingleBar({ format: '{bar} {value}/{total} rows, {eta} s left' }) // draws on stderr, on a terminal only
bar.start(COUNT, 0)
const { rows, failed } = await run(Readable.from(orders(COUNT)), createWriteStream(OUTPUT), () => bar.increment())
bar.stop()

console.log(`${rows - failed.length} of ${rows} rows are in ${OUTPUT}`)
for (const message of failed) console.log(message)
