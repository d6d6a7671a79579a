// MongoDB's protocol: OP_MSG, a document each way.
import { connect, type Socket } from 'node:net'
import { type Document, decode, encode } from './bson.ts'

const OP_MSG = 2013
/** Length, request, response to, operation; flags and the kind of section follow. */
const HEAD = 16
const BODY = HEAD + 5

export interface Message {
  readonly id: number
  readonly document: Document
}

export function send(socket: Socket, id: number, responseTo: number, document: Document): void {
  const body = encode(document)
  const head = Buffer.alloc(BODY)
  for (const [index, number] of [BODY + body.length, id, responseTo, OP_MSG].entries()) head.writeInt32LE(number, 4 * index)
  socket.write(Buffer.concat([head, body]))
}

export function receive(socket: Socket, take: (message: Message) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= HEAD && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0)
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      if (message.readInt32LE(12) !== OP_MSG) return socket.destroy()
      take({ id: message.readInt32LE(4), document: decode(message.subarray(BODY)) })
    }
  })
}

/** One command. The answer's `ok` says whether it was obeyed. @throws when there is no answer. */
export function command(address: string, document: Document): Promise<Document> {
  const [host = '', port = '27017'] = address.split(':')
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), timeout: 5_000 })
    socket.on('timeout', () => socket.destroy(new Error(`${address} says nothing`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${address} closed the connection`)))
    receive(socket, ({ document: answer }) => {
      resolve(answer)
      socket.end()
    })
    socket.on('connect', () => send(socket, 1, 0, document))
  })
}
