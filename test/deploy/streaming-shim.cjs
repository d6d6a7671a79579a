// Response streaming on an emulator that knows only buffered answers: Lambda's `awslambda` global, with the stream collected and
// returned whole in the framing of a Function URL (prelude as JSON, eight NUL bytes, body). Loaded into the emulator's Node by
// `--require`; product code never sees it. Bodies travel as text here, so binary answers are not asked for.
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
    const accept = event.headers?.accept
    if (accept) {
      const texts = accept.split(',').filter(type => !type.includes('protobuf'))
      event.headers.accept = texts.length > 0 ? texts.join(',') : 'application/json'
    }
    delete event.headers?.['accept-encoding']
    const stream = new CollectingStream()
    const finished = new Promise((resolve, reject) => stream.once('finish', resolve).once('error', reject))
    await handler(event, stream, context)
    if (!stream.writableEnded) stream.end()
    await finished
    const body = Buffer.concat(stream.chunks).toString('utf8')
    return stream.prelude ? JSON.stringify(stream.prelude) + SEPARATOR + body : body
  },
}
