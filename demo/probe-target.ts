// A health endpoint that can be told to fail: /healthy and /ready.
//   GET  /healthy            200 "ok", or 500 "fail"
//   GET  /healthy/api        { failNext, history }
//   PUT  /healthy/api        { "failNext": N }: the next N answers fail; -1: all of them; 0: none
import type { Answer, Request } from './routes.ts'
import { json, text } from './routes.ts'

const HISTORY = 20

export function probeTarget() {
  let failNext = 0
  let count = 0
  const history: { id: number; when: string; code: number }[] = []
  return (request: Request, rest: string): Answer => {
    if (rest === '/api') {
      if (request.method === 'PUT' || request.method === 'POST') failNext = Number(JSON.parse(request.body).failNext ?? 0)
      return json({ failNext, history })
    }
    const code = failNext === 0 ? 200 : 500
    if (failNext > 0) failNext--
    history.unshift({ id: ++count, when: new Date().toISOString(), code })
    history.length = Math.min(history.length, HISTORY)
    return text(code === 200 ? 'ok' : 'fail', code)
  }
}
