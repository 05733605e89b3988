// Runs in: a process for jobs of BullMQ. A light job. It is CommonJS, because Node starts that faster than an ES module.
module.exports = async (job) => job.data.value + 1
