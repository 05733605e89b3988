// Runs in: a process of child_process.fork() and a thread of worker_threads. It is empty on purpose: the peers pay for their start only.
// CommonJS, because Node starts it faster than an ES module.
