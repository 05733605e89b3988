// Runs in: a worker thread of piscina. Its task.
export default (number) => number * 2
