import { expect, test } from 'vitest'
import { type IamPrincipal, iamTokens } from './iam.ts'

const ADMIN = 'arn:aws:iam::1:role/Admin'
const asking = (token: string) => new Request('http://api/', { headers: { authorization: `Bearer ${token}` } })

function setUp(answers: Record<string, IamPrincipal>) {
  const asked: string[] = []
  let time = 0
  const authenticator = iamTokens({
    prefix: 'iam.',
    administrators: [ADMIN],
    now: () => time,
    async verify(token) {
      asked.push(token)
      return answers[token]
    },
  })
  return { authenticator, asked, pass: (ms: number) => (time += ms) }
}

test('the administrator is a master, anybody else of the account only known by name', async () => {
  const { authenticator } = setUp({
    'iam.a': { principal: ADMIN, account: '1', userId: 'A:me' },
    'iam.b': { principal: 'arn:aws:iam::1:user/bob', account: '1', userId: 'B' },
  })
  expect(await authenticator.authenticate(asking('iam.a'))).toMatchObject({
    name: ADMIN,
    groups: ['system:masters', 'aws:account:1', 'system:authenticated'],
  })
  expect(await authenticator.authenticate(asking('iam.b'))).toMatchObject({
    name: 'arn:aws:iam::1:user/bob',
    groups: ['aws:account:1', 'system:authenticated'],
  })
})

test('a token that AWS refuses is wrong; another sort of token is somebody else’s business', async () => {
  const { authenticator, asked } = setUp({})
  await expect(authenticator.authenticate(asking('iam.forged'))).rejects.toThrow('AWS does not vouch')
  expect(await authenticator.authenticate(asking('static'))).toBeUndefined()
  expect(asked).toEqual(['iam.forged'])
})

test('AWS is asked once a minute, not once a request, and never remembered for a refusal', async () => {
  const { authenticator, asked, pass } = setUp({ 'iam.a': { principal: ADMIN, account: '1', userId: 'A' } })
  await authenticator.authenticate(asking('iam.a'))
  await authenticator.authenticate(asking('iam.a'))
  expect(asked).toHaveLength(1)
  pass(60_000)
  await authenticator.authenticate(asking('iam.a'))
  expect(asked).toHaveLength(2)
})
