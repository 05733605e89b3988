// The mistake that the test shows: a warm-up that uses sharp.
import { thumbnail } from './jobs.js'

export async function once() {
  await thumbnail({ name: 'a', width: 30, svg: '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"/>' })
}
