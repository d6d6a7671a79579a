// Requests and answers of the demo server, small enough to be read at once.
export interface Request {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  readonly remote: string
}

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string | Buffer
}

export const text = (body: string, status = 200): Answer => ({ status, type: 'text/plain; charset=utf-8', body })
export const html = (body: string, status = 200): Answer => ({ status, type: 'text/html; charset=utf-8', body })
export const json = (body: unknown, status = 200): Answer => ({ status, type: 'application/json', body: `${JSON.stringify(body)}\n` })

export const escapeHtml = (value: string) => value.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)
