// Runs in: plain node, the template, a child. @parcel/watcher sees a file change.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export const load = () => import('@parcel/watcher')
export const use = async ({ subscribe }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'compat-'))
  try {
    let tell
    const seen = new Promise((resolve, reject) => {
      tell = (error, events) => (error ? reject(error) : resolve(events))
    })
    const subscription = await subscribe(folder, tell)
    writeFileSync(path.join(folder, 'a'), 'text')
    const [event] = await seen
    await subscription.unsubscribe()
    return `${event.type} ${path.basename(event.path)}`
  } finally {
    rmSync(folder, { recursive: true })
  }
}
