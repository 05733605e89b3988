import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { Counter } from './counter.jsx'

afterEach(cleanup)

test('shows where it starts', () => {
  render(<Counter start={3} />)
  expect(screen.getByRole('status').textContent).toBe('3')
})

test('counts', () => {
  render(<Counter />)
  fireEvent.click(screen.getByRole('button', { name: 'add' }))
  expect(screen.getByRole('status').textContent).toBe('1')
})
