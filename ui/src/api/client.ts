import type { ProblemBody } from './types'
import { sessionKnown, signedOut } from './session'

/** Failure is every error of a call: what failed, where, why, and what to do next. Status 0: no answer at all. */
export class Failure extends Error {
  readonly problem: ProblemBody
  constructor(problem: ProblemBody) {
    super(problem.message)
    this.name = 'Failure'
    this.problem = problem
  }
  get status() {
    return this.problem.status
  }
}

/** Params are query parameters; undefined and '' are left out, arrays repeat. */
export type Params = Record<string, string | number | boolean | readonly string[] | undefined>

/** apiURL is the absolute address of a call. Path is below /api/v1/, its parts already encoded (see enc). */
export function apiURL(path: string, params: Params = {}): string {
  const url = new URL('api/v1/' + path, document.baseURI)
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined || value === '') continue
    if (Array.isArray(value)) value.forEach((v) => url.searchParams.append(key, v))
    else url.searchParams.set(key, String(value))
  }
  return url.toString()
}

/** enc builds a path of parts: enc`apps/${ns}/${name}/plan`. */
export function enc(strings: TemplateStringsArray, ...parts: string[]): string {
  return strings.reduce((out, s, i) => out + (i > 0 ? encodeURIComponent(parts[i - 1] ?? '') : '') + s, '')
}

/** get asks for JSON. It throws a Failure, or the abort reason of signal. */
export function get<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  return call<T>(apiURL(path, params), signal ? { signal } : {})
}

/** post sends a wish, once it is known who sends it (the sign-in itself waits for nothing). It throws a Failure. */
export const post = <T>(path: string, body?: unknown): Promise<T> => write<T>('POST', path, body)
/** put keeps something under a name, as post sends. */
export const put = <T>(path: string, body: unknown): Promise<T> => write<T>('PUT', path, body)
/** del takes something away, as post sends. */
export const del = (path: string): Promise<void> => write<void>('DELETE', path)

async function write<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {}
  const csrf = path === 'signin' ? undefined : (await sessionKnown()).csrf
  if (csrf) headers['X-Plumb-CSRF'] = csrf
  if (body === undefined) return call<T>(apiURL(path), { method, headers })
  headers['Content-Type'] = 'application/json'
  return call<T>(apiURL(path), { method, headers, body: JSON.stringify(body) })
}

async function call<T>(url: string, init: RequestInit): Promise<T> {
  let answer: Response
  try {
    answer = await fetch(url, { credentials: 'same-origin', ...init })
  } catch (e) {
    if (init.signal?.aborted) throw e
    throw new Failure(unreachable)
  }
  if (answer.ok) return answer.status === 204 ? (undefined as T) : ((await answer.json()) as T)
  const problem = await readProblem(answer)
  if (answer.status === 401) signedOut(problem)
  throw new Failure(problem)
}

const unreachable: ProblemBody = {
  status: 0,
  reason: 'Unreachable',
  message: 'The server does not answer.',
  next: 'Plumb tries again by itself, at most once a minute.',
}

/** readProblem reads the body of an error; proxies answer with anything, so it believes nothing. */
export async function readProblem(answer: Response): Promise<ProblemBody> {
  const fallback = { status: answer.status, reason: 'HTTP' + answer.status, message: answer.statusText || `The server answered ${answer.status}.` }
  try {
    const body: unknown = await answer.json()
    if (typeof body !== 'object' || body === null) return fallback
    const text = (key: string) => {
      const v = (body as Record<string, unknown>)[key]
      return typeof v === 'string' && v !== '' ? v : undefined
    }
    return {
      status: answer.status,
      reason: text('reason') ?? fallback.reason,
      message: text('message') ?? text('error') ?? fallback.message,
      where: text('where'),
      next: text('next'),
    }
  } catch {
    return fallback
  }
}

/** problemOf makes a Problem of whatever was thrown. */
export function problemOf(e: unknown): ProblemBody {
  if (e instanceof Failure) return e.problem
  return { status: 0, reason: 'Console', message: e instanceof Error ? e.message : String(e), next: 'Reload the page. If it stays, tell us: this is a bug of the console.' }
}
