// The API server's half of aggregation, loaded as one piece.
export { Remotes } from './remote.ts'
export { serveRemote } from './serve.ts'
