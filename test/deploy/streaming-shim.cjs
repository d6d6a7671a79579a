// Response streaming on an emulator that knows only buffered answers: Lambda's `awslambda` global, with the stream collected and
// returned whole in the framing of a Function URL (prelude as JSON, eight NUL bytes, body). Loaded into the emulator's Node by
// `--require`; product code never sees it.
const { Writable } = require('node:stream')

const SEPARATOR = '\0'.repeat(8)

class CollectingStream extends Writable {
  chunks = []
  prelude = undefined
  _write(chunk, _encoding, done) {
    this.chunks.push(Buffer.from(chunk))
    done()
  }
  setContentType(type) {
    this.prelude = { statusCode: 200, headers: { 'content-type': type } }
  }
}

globalThis.awslambda = {
  HttpResponseStream: {
    from(stream, prelude) {
      stream.prelude = prelude
      return stream
    },
  },
  streamifyResponse: handler => async (event, context) => {
    const stream = new CollectingStream()
    const finished = new Promise((resolve, reject) => stream.once('finish', resolve).once('error', reject))
    await handler(event, stream, context)
    if (!stream.writableEnded) stream.end()
    await finished
    const body = Buffer.concat(stream.chunks)
    if (!stream.prelude) return body.toString('utf8')
    // A body that is no text travels as base64; front.ts turns it back.
    const binary = Object.entries(stream.prelude.headers ?? {}).some(([name, value]) => /content-encoding/i.test(name) || /protobuf/.test(value))
    const headers = { ...stream.prelude.headers, ...(binary ? { 'x-emulator-base64': 'true' } : {}) }
    return JSON.stringify({ ...stream.prelude, headers }) + SEPARATOR + body.toString(binary ? 'base64' : 'utf8')
  },
}
