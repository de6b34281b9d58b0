/**
 * Answers of the local API that are one JSON value.
 *
 * @module
 */

/** What an answer may have besides: a status other than 200, further headers. */
export interface ReplyOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A value as JSON, with the end of a line behind it. */
export function json(value: unknown, { status = 200, headers = {} }: ReplyOptions = {}): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
