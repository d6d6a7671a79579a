// Account, region and the names made of them.

export interface Identity {
  readonly account: string
  readonly region: string
}

export const arn = (identity: Identity, service: string, resource: string): string =>
  `arn:aws:${service}:${identity.region}:${identity.account}:${resource}`

export interface ParsedArn {
  readonly service: string
  readonly region: string
  readonly account: string
  readonly resource: string
}

/** Undefined when the text is not an ARN. */
export function parseArn(text: string): ParsedArn | undefined {
  const [prefix, partition, service, region, account, ...resource] = text.split(':')
  if (prefix !== 'arn' || !partition || !service || resource.length === 0) return undefined
  return { service, region: region ?? '', account: account ?? '', resource: resource.join(':') }
}
