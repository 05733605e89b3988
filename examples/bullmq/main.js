// Runs in: owner. Renders four pages; one of them kills its process.
import { renderPages } from './pages.js'
import { startRedis } from './redis.js'

const PAGES = [
  { name: 'first', text: '# One' },
  { name: 'crash', text: 'This page is a <crash>.' },
  { name: 'empty' },
  { name: 'last', text: 'the *last* page' },
]

const redis = await startRedis()
try {
  const results = await renderPages(redis.connection, PAGES)
  for (const [index, { html, error }] of results.entries()) {
    // The message names the process and says what to do; the first sentence is enough here.
    const text = html ?? error.replace(/Process \d+/, 'Its process').replace(/\..*/s, '')
    console.log(`${PAGES[index].name}: ${text}`)
  }
} finally {
  await redis.stop()
}
