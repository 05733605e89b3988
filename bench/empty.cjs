// Runs in: a process of child_process.fork() and a thread of worker_threads. It is empty, so that only the start of
// these competitors is measured. It is CommonJS, because Node starts that faster than an ES module.
