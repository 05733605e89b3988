// Runs once, in the template: React and jsdom are then compiled in the process of every test file.
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { createElement } from 'react'

export function renderOnce() {
  render(createElement('button', { type: 'button', onClick() {} }, 'press'))
  fireEvent.click(screen.getByRole('button', { name: 'press' }))
  cleanup()
}
