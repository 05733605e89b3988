// Runs in: workers of the Node pools that `npm run bench -- pool` compares with. The same jobs as in jobs.ts, in
// CommonJS, which all these pools can load.
const identity = (value) => value
const sizeOf = (bytes) => bytes.length ?? bytes.byteLength
module.exports = { identity, sizeOf }

// Workers of workerpool have to register their functions. Its library exists only in such a process.
if (process.env.FORKSERVER_BENCH_WORKERPOOL) require('workerpool').worker({ identity, sizeOf })
