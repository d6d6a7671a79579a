/** "extensions/v1beta1 Deployment is deprecated ..." */
export const deprecated = (apiVersion: string, kind: string, since: string, until: string, instead: string): string =>
  `${apiVersion} ${kind} is deprecated in v${since}+, unavailable in v${until}+; use ${instead} ${kind}`
