/**
 * Who may ask what over TCP. On the Unix socket the file's mode decides, and nothing of this applies.
 *
 * - Whatever changes something needs the token; without a token over TCP nothing can be changed.
 * - Where we listen on more than loopback, every request needs it.
 * - A page of another site cannot use a browser's way to us: the Host must be one of ours (against
 *   DNS rebinding), and a change with an Origin must come from our own page.
 *
 * @module
 */
import { ExitCode } from "../core/errors.ts";
import { HttpError } from "./errors.ts";

/** Shorter tokens are guessed too soon. */
export const MIN_TOKEN_LENGTH = 16;

export interface AccessRules {
  /** Whether only this computer can reach the address. */
  readonly loopback: boolean;
  readonly token: string | undefined;
}

/** Throws HttpError where the request must not be answered. */
export function authorize(request: Request, rules: AccessRules): void {
  const host = request.headers.get("host") ?? "";
  const changes = request.method !== "GET" && request.method !== "HEAD";
  if (rules.loopback && !isLoopback(hostOf(host))) {
    throw new HttpError(403, `the host "${host}" is not served here`, ExitCode.Refused);
  }
  const origin = request.headers.get("origin");
  if (changes && origin !== null && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new HttpError(403, "a page of another site cannot change anything", ExitCode.Refused);
  }
  if (rules.loopback && !changes) return;
  if (rules.token === undefined) {
    throw new HttpError(
      403,
      "nothing can be changed over TCP without a token; set token_file in [http], or use the socket",
      ExitCode.Refused,
    );
  }
  const given = tokenOf(request.headers.get("authorization") ?? "");
  if (given === undefined || !equal(given, rules.token)) {
    throw new HttpError(
      401,
      given === undefined ? "a token is needed: Authorization: Bearer TOKEN" : "wrong token",
      ExitCode.Refused,
      { "www-authenticate": 'Basic realm="agent", charset="UTF-8"' },
    );
  }
}

/** `Bearer TOKEN`, or the password of HTTP Basic, which browsers ask for by themselves. */
function tokenOf(header: string): string | undefined {
  const [scheme = "", credentials = ""] = header.trim().split(/\s+/);
  if (scheme.toLowerCase() === "bearer") return credentials;
  if (scheme.toLowerCase() !== "basic") return undefined;
  try {
    const pair = atob(credentials);
    return pair.slice(pair.indexOf(":") + 1);
  } catch {
    return "";
  }
}

/** Comparison whose time tells nothing about where two texts differ. */
function equal(a: string, b: string): boolean {
  const x = new TextEncoder().encode(a);
  const y = new TextEncoder().encode(b);
  let difference = x.length ^ y.length;
  for (let i = 0; i < x.length; i++) {
    difference |= (x[i] as number) ^ (y[i % y.length] as number);
  }
  return difference === 0;
}

/** The host of a Host header, without its port and brackets. */
function hostOf(header: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(header)?.[1] ?? header.replace(/:\d+$/, "");
}

/** Whether a host name or address means this computer and nothing else. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
