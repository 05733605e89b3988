/** The lines of a CSV file with this many orders. Every 500th has a wrong account number. */
export function* orders(count) {
  yield 'id,iban,email,amount\n'
  for (let id = 1; id <= count; id++) {
    const iban = id % 500 === 0 ? 'GB00WEST12345698765432' : 'GB82WEST12345698765432'
    yield `${id},${iban},customer${id % 97}@example.com,${(id * 7) % 1000}.99\n`
  }
}
