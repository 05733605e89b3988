// Runs in: a test of Node's, before the test: --import. Its processes are forked from the template of the conformance
// run, whose address and key are in the environment.
import { ForkServer } from 'forkserver'
import { setServer } from 'forkserver/child_process'
import 'forkserver/register'

const { address, key } = JSON.parse(process.env.CONFORMANCE_TEMPLATE!) as { address: { path: string }; key: string }
delete process.env.CONFORMANCE_TEMPLATE
process.execArgv.splice(process.execArgv.indexOf('--import'), 2)
setServer(await ForkServer.connect(address, Buffer.from(key, 'hex')))
