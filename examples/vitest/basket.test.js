import { expect, test } from 'vitest'

test('begins with an empty storage', () => {
  expect(localStorage.length).toBe(0)
  localStorage.setItem('basket', '1')
})
