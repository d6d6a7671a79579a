// Something goes out on every connection every so often, so that nothing between us and the client takes it for dead. Whether the client
// lives is TCP's to find out (SO_KEEPALIVE): one that is merely held back, with its output piped into a pager, answers no ping for hours.

const EVERY_MS = 25_000

/** Answers a function that ends it. */
export function keepAlive(say: () => void): () => void {
  const timer = setInterval(say, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}
