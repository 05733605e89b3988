import { remote } from 'forkserver'
import { forkserverPool } from 'forkserver/vitest'
import { defineConfig } from 'vitest/config'

const { renderOnce } = remote(new URL('./warmup.js', import.meta.url))

const pool = forkserverPool({
  preload: ['react', 'react/jsx-dev-runtime', 'react-dom/client', '@testing-library/react'],
  warmup: renderOnce,
  wait: true,
  fileTimeout: 30_000,
})

export default defineConfig({ test: { environment: 'jsdom', pool } })
