// Runs in: workers of the Node pools that `npm run bench -- pool` compares with. CommonJS, which every one of them loads. The same jobs as
// those of jobs.ts.
const identity = (value) => value
const sizeOf = (bytes) => bytes.length ?? bytes.byteLength
module.exports = { identity, sizeOf }

// workerpool's workers say themselves what they offer. Its library exists only in that process.
if (process.env.FORKSERVER_BENCH_WORKERPOOL) require('workerpool').worker({ identity, sizeOf })
