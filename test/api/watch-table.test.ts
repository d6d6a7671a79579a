import { expect, test } from 'vitest'
import { createApi } from '../../functions/api/app.ts'
import { MASTERS } from '../../shared/auth/types.ts'
import { MemoryStore } from '../../shared/store/memory.ts'

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'

test('an age in a watched table is that of its event, however long the watch is open', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const { handle } = await createApi({
    store: new MemoryStore(),
    now: () => now,
    tokens: [{ token: 'admin', user: { name: 'admin', groups: [MASTERS] } }],
  })
  const send = (method: string, path: string, body?: object, type = 'application/json') =>
    handle(
      new Request(`http://api/api/v1/namespaces/default/configmaps${path}`, {
        method,
        headers: { authorization: 'Bearer admin', 'content-type': type, accept: `${TABLE},application/json` },
        ...(body && { body: JSON.stringify(body) }),
      }),
    )
  await send('POST', '', { metadata: { name: 'a' } })
  const watch = await send('GET', '?watch=true&resourceVersion=0')
  const reader = watch.body!.pipeThrough(new TextDecoderStream()).getReader()
  const age = async (): Promise<unknown> => JSON.parse((await reader.read()).value!).object.rows[0].cells.at(-1)
  expect(await age()).toBe('0s')
  now += 90_000
  await send('PATCH', '/a', { data: { key: 'value' } }, 'application/merge-patch+json')
  expect(await age()).toBe('90s')
  await reader.cancel()
})
