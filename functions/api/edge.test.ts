import { expect, test, vi } from 'vitest'
import { cameThrough, withHeartbeat } from './edge.ts'

test('where there is a proxy, only it may call', () => {
  expect(cameThrough('', {})).toBe(true)
  expect(cameThrough('secret', { 'x-zeroplane-origin': 'secret' })).toBe(true)
  expect(cameThrough('secret', { 'x-zeroplane-origin': 'another' })).toBe(false)
  expect(cameThrough('secret', {})).toBe(false)
})

const watchOf = (path: string, type = 'application/json') => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const answer = withHeartbeat(new Request(`https://api${path}`), new Response(readable, { headers: { 'content-type': type } }), 30)
  return { writer: writable.getWriter(), reader: answer.body!.getReader() }
}
const text = (read: { value?: Uint8Array }) => new TextDecoder().decode(read.value)

test('a quiet JSON watch sends an empty line now and then, and its events whole and in order', async () => {
  vi.useFakeTimers()
  try {
    const { writer, reader } = watchOf('/api/v1/pods?watch=true')
    const first = reader.read()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(text(await first)).toBe('\n')
    void writer.write(new TextEncoder().encode('{"type":"ADDED"}\n'))
    expect(text(await reader.read())).toBe('{"type":"ADDED"}\n')
    const third = reader.read()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(text(await third)).toBe('\n')
    void writer.close()
    expect((await reader.read()).done).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})

test('whoever hangs up ends the watch behind it', async () => {
  const cancelled = Promise.withResolvers<void>()
  const body = new ReadableStream({ cancel: () => cancelled.resolve() })
  const watch = new Request('https://api/api/v1/pods?watch=1')
  await withHeartbeat(watch, new Response(body, { headers: { 'content-type': 'application/json' } }), 30).body!.cancel()
  await cancelled.promise
})

test('nothing is put into other answers', () => {
  const response = (type: string) => new Response('x', { headers: { 'content-type': type } })
  for (const [path, type] of [
    ['/api/v1/pods', 'application/json'],
    ['/api/v1/pods?watch=1', 'application/vnd.kubernetes.protobuf;stream=watch'],
    ['/api/v1/namespaces/a/pods/b/log?follow=true', 'text/plain'],
  ] as const) {
    const answer = response(type)
    expect(withHeartbeat(new Request(`https://api${path}`), answer, 30), path).toBe(answer)
  }
})
