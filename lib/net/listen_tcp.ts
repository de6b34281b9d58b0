/**
 * A TCP port to listen on, or one line that says why not.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";
import { formatHostPort } from "./address.ts";

/**
 * Listens. `::` means all addresses, of IPv4 too.
 * @throws {AgentError} with exit code 4 where the port cannot be had.
 */
export function listenTcp(host: string, port: number): Deno.TcpListener {
  const where = formatHostPort(host, port);
  const refuse = (message: string, cause: unknown) =>
    new AgentError(message, ExitCode.Refused, { cause });
  try {
    return Deno.listen({ hostname: host, port });
  } catch (error) {
    // A kernel that was started without IPv6 (`ipv6.disable=1`): all means all of IPv4.
    if (host === "::" && messageOf(error).includes("(os error 97)")) {
      return listenTcp("0.0.0.0", port);
    }
    if (error instanceof Deno.errors.AddrInUse) {
      throw refuse(
        `TCP port ${port} is taken by another program, perhaps another agent; ` +
          "stop that one, or set another port with listen in [[network]]",
        error,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw refuse(
        `no permission to listen on ${where}; ports below 1024 need root, so set listen in ` +
          "[[network]] to a higher one",
        error,
      );
    }
    if (error instanceof Deno.errors.AddrNotAvailable) {
      throw refuse(
        `cannot listen on ${where}: this computer has no such address; set listen in [[network]]`,
        error,
      );
    }
    throw refuse(
      `cannot listen on ${where}: ${messageOf(error)}; set listen in [[network]]`,
      error,
    );
  }
}
