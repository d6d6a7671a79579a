import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { accessOf, addContext, contextOf, kubeconfig } from '../../localstack/host/kubeconfig.ts'

const access = { server: 'https://127.0.0.1:6443', ca: 'CA', token: 'admin' }
const names = (text: string) => parse(text).contexts.map(({ name }: { name: string }) => name)
const serverOf = (text: string, context: string) =>
  parse(text).clusters.find(({ name }: { name: string }) => name === context).cluster.server
const tokenOf = (text: string, user: string) => parse(text).users.find(({ name }: { name: string }) => name === user).user.token

test('a context more leaves the others, and the choice among them, as they are', () => {
  const one = addContext(kubeconfig(access), { ...access, server: `${access.server}/clusters/pr-1`, token: 'one' }, contextOf('pr-1'))
  const two = addContext(one, { ...access, server: `${access.server}/clusters/pr-2`, token: 'two' }, contextOf('pr-2'))
  expect(names(two).sort()).toEqual(['zeroplane', 'zeroplane-pr-1', 'zeroplane-pr-2'])
  expect(parse(two)['current-context']).toBe('zeroplane')
  expect([tokenOf(two, 'zeroplane-admin'), tokenOf(two, 'zeroplane-pr-1')]).toEqual(['admin', 'one'])
  const again = addContext(two, { ...access, server: `${access.server}/clusters/pr-1`, token: 'new' }, contextOf('pr-1'))
  expect(names(again).sort()).toEqual(names(two).sort())
  expect(tokenOf(again, 'zeroplane-pr-1')).toBe('new')
  expect(accessOf(again)).toEqual(access)
})

test('the next start brings all of them to its address, and keeps the choice', () => {
  const before = addContext(kubeconfig(access), { ...access, server: `${access.server}/clusters/pr-1`, token: 'one' }, contextOf('pr-1'))
  const chosen = before.replace('current-context: zeroplane', 'current-context: zeroplane-pr-1')
  const moved = kubeconfig({ server: 'https://127.0.0.1:7000', ca: 'other', token: 'admin' }, chosen)
  expect(serverOf(moved, 'zeroplane')).toBe('https://127.0.0.1:7000')
  expect(serverOf(moved, 'zeroplane-pr-1')).toBe('https://127.0.0.1:7000/clusters/pr-1')
  expect(tokenOf(moved, 'zeroplane-pr-1')).toBe('one')
  expect(parse(moved)['current-context']).toBe('zeroplane-pr-1')
  expect(parse(kubeconfig(access))['current-context']).toBe('zeroplane')
})
