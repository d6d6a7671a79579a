// Quantities (k8s.io/apiserver/pkg/cel/library/quantity.go).
import type { Environment } from '@marcbachmann/cel-js'
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  quantitySign,
  quantityValue,
  subtractQuantities,
} from '../../quantity.ts'

export class CelQuantity {
  readonly quantity: Quantity
  constructor(quantity: Quantity) {
    this.quantity = quantity
  }
}

const isQuantity = (text: string): boolean => {
  try {
    return parseQuantity(text) !== undefined
  } catch {
    return false
  }
}

const other = (value: CelQuantity | bigint): Quantity | string => (typeof value === 'bigint' ? String(value) : value.quantity)

export function registerQuantities(environment: Environment): void {
  environment.registerType('Quantity', CelQuantity)
  environment.registerFunction('quantity(string): Quantity', (text: string) => new CelQuantity(parseQuantity(text)))
  environment.registerFunction('isQuantity(string): bool', isQuantity)
  const compare = (a: CelQuantity, b: CelQuantity) => compareQuantities(a.quantity, b.quantity)
  environment.registerFunction('Quantity.isGreaterThan(Quantity): bool', (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0)
  environment.registerFunction('Quantity.isLessThan(Quantity): bool', (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0)
  environment.registerFunction('Quantity.compareTo(Quantity): int', (a: CelQuantity, b: CelQuantity) => BigInt(Math.sign(compare(a, b))))
  environment.registerFunction('Quantity.sign(): int', ({ quantity }: CelQuantity) => BigInt(quantitySign(quantity)))
  environment.registerFunction('Quantity.asInteger(): int', ({ quantity }: CelQuantity) => BigInt(quantityValue(quantity)))
  environment.registerFunction('Quantity.isInteger(): bool', ({ quantity }: CelQuantity) => quantity.scale >= 0)
  environment.registerFunction(
    'Quantity.asApproximateFloat(): double',
    ({ quantity }: CelQuantity) => Number(quantity.unscaled) * 10 ** quantity.scale,
  )
  for (const type of ['Quantity', 'int']) {
    environment.registerFunction(
      `Quantity.add(${type}): Quantity`,
      (a: CelQuantity, b: CelQuantity | bigint) => new CelQuantity(addQuantities(a.quantity, other(b))),
    )
    environment.registerFunction(
      `Quantity.sub(${type}): Quantity`,
      (a: CelQuantity, b: CelQuantity | bigint) => new CelQuantity(subtractQuantities(a.quantity, other(b))),
    )
  }
}
