import { useState } from 'react'

export function Counter({ start = 0 }) {
  const [count, setCount] = useState(start)
  return (
    <section>
      <output>{count}</output>
      <button type="button" onClick={() => setCount(count + 1)}>
        add
      </button>
    </section>
  )
}
