// A name may be sent that is "." or "..", and is refused as such; but whoever parses a URL takes those segments away first. So the
// front doors put a mark before them, which is no part of any name, and what reads the path takes it off.
const MARK = '\ue000'
const SENT = /(?<=\/)((?:\.|%2e){1,2})(?=[/?#]|$)/gi
const MARKED = new RegExp(`(?<=/)${MARK}(?=\\.{1,2}(?:/|$))`, 'g')

/** For the path of a URL, with or without its query, before it is parsed. */
export function markDotSegments(url: string): string {
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  if (!/\/(?:\.|%2e)/i.test(path)) return url
  return `${path.replace(SENT, segment => encodeURIComponent(MARK) + segment.replace(/%2e/gi, '.'))}${query < 0 ? '' : url.slice(query)}`
}

/** For a path that was decoded. */
export const unmarkDotSegments = (path: string): string => (path.includes(MARK) ? path.replace(MARKED, '') : path)
