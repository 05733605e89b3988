// Runs in: no process; the compiler reads it. The types of a processor: BullMQ takes it, with the type of its results.
import { type Processor, Worker } from 'bullmq'
import { expectTypeOf } from 'expect-type'
import { forkserverProcessor } from 'forkserver/bullmq'

const untyped = forkserverProcessor('processor.js')
expectTypeOf(untyped).returns.resolves.toBeUnknown()
expectTypeOf(untyped).toExtend<Processor>()

const typed = forkserverProcessor<{ title: string }>('processor.js')
expectTypeOf(typed).returns.resolves.toEqualTypeOf<{ title: string }>()
expectTypeOf(typed).toExtend<Processor<{ url: string }, { title: string }>>()

// BullMQ's own types say what is expected.
export const worker = new Worker<{ url: string }, number>('pages', forkserverProcessor('processor.js'))
// @ts-expect-error: the result is another one
export const wrong: Processor<unknown, string> = typed
