import type { IncomingMessage, ServerResponse } from 'node:http'

/** answer is one call of the mock. */
export function answer(req: IncomingMessage, res: ServerResponse) {
  res.setHeader('Content-Type', 'application/json')
  res.statusCode = 404
  res.end(JSON.stringify({ status: 404, reason: 'NotFound', message: 'the mock has no ' + req.url }))
}
