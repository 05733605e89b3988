// What is done with each row. A worker calls it; the module is loaded once, in the template.
import { scryptSync } from 'node:crypto'

/** Checks the account number of an order, and hides the e-mail address. Throws if the order is wrong. */
export function checkOrder({ id, iban, email, amount }) {
  const digits = (iban.slice(4) + iban.slice(0, 4)).replace(/[A-Z]/g, (letter) => letter.charCodeAt(0) - 55)
  if (BigInt(digits) % 97n !== 1n) throw new Error(`${iban} is not an account number`)
  const customer = scryptSync(email, 'salt', 12, { N: 1024 }).toString('base64url')
  return { id, customer, cents: Math.round(Number(amount) * 100) }
}

export function warmup() {
  checkOrder({ id: '0', iban: 'GB82WEST12345698765432', email: 'a@example.com', amount: '1.00' })
}
