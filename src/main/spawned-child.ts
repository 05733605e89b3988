// Runs in: child of the start method `spawn`; its main. Reads its job from the channel and runs it. Everything else
// is plain Node.
import { endWithOwner } from '../child/end-with-owner.js'
import { type ExecProcess, keepLifelineOverExec } from '../child/execve.js'
import { makeOwnChannel } from '../child/job-channel.js'
import { runJob, sendModules, sendThrown } from '../child/run-job.js'
import { findNative } from '../platform/native.js'
import { SPAWNED_DESCRIPTORS } from '../wire/startup.js'

const found = findNative()
// A detached child has /dev/null there, which never ends. Without /proc the addon cannot hold the lifeline.
if ('native' in found && found.native.holdLifeline(SPAWNED_DESCRIPTORS.lifeline) === 0)
  keepLifelineOverExec(process as ExecProcess, found.native)
else endWithOwner(SPAWNED_DESCRIPTORS.lifeline)
const channel = makeOwnChannel(SPAWNED_DESCRIPTORS.channel)
const job = channel.readJob()
if (!job) process.exit(0) // the owner is gone
process.on('uncaughtExceptionMonitor', (error) => {
  if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) return
  sendThrown(channel, error)
})
if (job.head.recordModules) process.on('exit', () => sendModules(channel))
void runJob(process, channel, job.head, job.args)
