// Telnet between the agent and the busybox in a container: what a person types arrives as typed, what is printed is shown as printed.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeInput, sizeMessage, TerminalOutput } from '../../agent/terminal.ts'
import { FrameReader, frame } from '../../shared/pods/tunnel-protocol.ts'

/** busybox telnetd's first words, as recorded. */
const GREETING = Buffer.from('fffd01fffd1ffffb01fffb030d0d0a', 'hex')
const MARK = Buffer.from('\x1e\r\n')

/** As telnetd reads: IAC twice is one, a line feed or zero behind a carriage return belongs to it, commands are no input. */
function received(bytes: Buffer): Buffer {
  const out: number[] = []
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    out.push(byte)
    const next = bytes[at + 1]
    if ((byte === 255 && next === 255) || (byte === 13 && (next === 10 || next === 0))) at++
  }
  return Buffer.from(out)
}

/** As telnetd writes. */
const doubled = (bytes: Buffer) => Buffer.from([...bytes].flatMap(byte => (byte === 255 ? [255, 255] : [byte])))

const typing = fc.array(fc.constantFrom(0, 10, 13, 65, 255), { maxLength: 40 }).map(bytes => Buffer.from(bytes))

describe('a terminal', () => {
  it('gets what is typed', () => {
    fc.assert(
      fc.property(typing, bytes => {
        expect(received(encodeInput(bytes))).toEqual(bytes)
      }),
    )
  })

  it('shows what is printed, however it is cut, and nothing of what precedes', () => {
    fc.assert(
      fc.property(typing, fc.integer({ min: 1, max: 20 }), (bytes, size) => {
        const wire = Buffer.concat([GREETING, MARK, doubled(bytes)])
        const output = new TerminalOutput()
        const shown: Buffer[] = []
        for (let at = 0; at < wire.length; at += size) shown.push(output.push(wire.subarray(at, at + size)))
        expect(Buffer.concat(shown)).toEqual(bytes)
        expect(output.started).toBe(true)
      }),
    )
  })

  it('leaves out negotiation in the middle of the output', () => {
    expect(new TerminalOutput(true).push(Buffer.from('a\xff\xfd\x1fb', 'latin1')).toString()).toBe('ab')
  })

  it('is told its size, and never one that would end the message', () => {
    expect(sizeMessage({ width: 99, height: 31 })).toEqual(Buffer.from([255, 250, 31, 0, 99, 0, 31, 255, 240]))
    expect([...sizeMessage({ width: 255, height: 0xffff })].slice(3, 7)).toEqual([0, 254, 254, 254])
  })
})

describe('frames of a tunnel', () => {
  it('come whole, however the bytes are cut', () => {
    const frames = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 50 })), { maxLength: 8 })
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 30 }), (sent, size) => {
        const bytes = Buffer.concat(sent.map(([channel, payload]) => frame(channel, payload)))
        const found: [number, Uint8Array][] = []
        const reader = new FrameReader((channel, payload) => found.push([channel, new Uint8Array(payload)]))
        for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
        expect(found).toEqual(sent.map(([channel, payload]) => [channel, new Uint8Array(payload)]))
      }),
    )
  })

  it('are none when a length is beyond reason', () => {
    expect(() => new FrameReader(() => {}).push(Buffer.from('GET / HTTP/1.1'))).toThrow('not the tunnel protocol')
  })
})
