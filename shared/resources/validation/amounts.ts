// Amounts of resources as they are stored: nothing finer than a thousandth (pkg/apis/core/v1, SetDefaults_ResourceList).
import { addQuantities, formatQuantity, parseQuantity, quantityMilliValue } from '../../apimachinery/quantity.ts'
import type { Quantity } from './checks.ts'

/** No fraction, or thousandths: what nearly everybody writes. */
const COARSE = /^\d+(m|k|[MGTPE]|[KMGTPE]i)?$/

/** Rounds up, in place. */
export function roundUpToMilli(amounts: Record<string, Quantity> | undefined): void {
  for (const name in amounts) {
    const value = amounts[name] as Quantity
    if (COARSE.test(String(value))) continue
    const quantity = parseQuantity(String(value))
    if (quantity.scale >= -3) continue
    const rounded = { ...quantity, unscaled: BigInt(quantityMilliValue(quantity)), scale: -3 }
    amounts[name] = formatQuantity(addQuantities(rounded, '0'))
  }
}
