/**
 * `GET /v1/ring` of a ring server that runs without a node.
 *
 * @module
 */
import { ExitCode } from "../core/errors.ts";
import { errorResponse } from "./errors.ts";
import { json } from "./reply.ts";
import type { RingView } from "./ring_api.ts";
import { bindSocket, removeSocket } from "./socket.ts";

/** What answers. */
export interface RingStatusServer {
  readonly socket: string;
  close(): Promise<void>;
}

/** Sockets of a ring server, beside those of an agent: `agent.sock` → `agent-ring.sock`. */
function ringSockets(sockets: readonly string[]): string[] {
  return sockets.map((path) => path.replace(/(?:\.sock)?$/, "-ring.sock"));
}

/** @throws {AgentError} exit code 4 where no socket can be had. */
export async function serveRingStatus(
  view: () => RingView,
  sockets: readonly string[],
  onFault: (error: unknown) => void,
): Promise<RingStatusServer> {
  const handle = (request: Request): Response => {
    try {
      const { pathname } = new URL(request.url);
      if (request.method === "GET" && pathname === "/v1/ring") return json(view());
      const error = "this is a ring server without a node; run: agent run";
      return json({ error, code: ExitCode.Unreachable }, { status: 404 });
    } catch (error) {
      return errorResponse(error, onFault);
    }
  };
  const { path, bound } = await bindSocket(
    ringSockets(sockets),
    (path) => Deno.serve({ path, onListen() {} }, handle),
  );
  return {
    socket: path,
    async close() {
      await bound.shutdown();
      removeSocket(path);
    },
  };
}
