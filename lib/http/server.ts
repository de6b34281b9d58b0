/**
 * The local API on its sockets.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../core/errors.ts";
import type { Scheduler } from "../core/scheduler.ts";
import type { AgentApi, Metric } from "./api.ts";
import { authorize, isLoopback, MIN_TOKEN_LENGTH } from "./auth.ts";
import { errorResponse } from "./errors.ts";
import { Front } from "./front.ts";
import { answer } from "./routes.ts";
import { bindSocket, removeSocket } from "./socket.ts";
import { Streams } from "./streams.ts";

export interface ServeOptions {
  /** Paths for the Unix socket; the first that can be had is taken. */
  readonly sockets: readonly string[];
  /** `[http] listen`: the same routes on TCP, under the rules of `auth.ts`. */
  readonly listen?: { readonly host: string; readonly port: number } | undefined;
  /** The content of `[http] token_file`. */
  readonly token?: string | undefined;
  /** Wakes the front of the TCP port. */
  readonly scheduler: Pick<Scheduler, "add" | "remove" | "touch" | "now">;
  /** Told of each request that failed by a fault of ours. */
  onFault(error: unknown): void;
  /** Told, in one line, when the TCP port has met its limits. */
  readonly onProblem: (message: string) => void;
}

/** The running local API. */
export interface ApiServer {
  /** Path of the Unix socket. */
  readonly socket: string;
  /** Address on TCP, with the port that was got. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** Ends all streams (leases are released), then the listeners, and removes the socket. */
  close(): Promise<void>;
}

/** Open requests are waited for this long when the server closes, in ms. */
const CLOSE_PATIENCE = 1_000;

/**
 * Serves the local API.
 *
 * @throws {AgentError} exit code 4: an agent is running there, the port is taken, no permission; 78:
 * `[http]` is open to others without a token
 */
export async function serveApi(api: AgentApi, options: ServeOptions): Promise<ApiServer> {
  const { listen } = options;
  const token = options.token?.trim();
  checkToken(listen, token);
  const streams = new Streams(api);
  const counts = new Map<string, number>();
  let front: Front | undefined;
  const context = { api, streams, metrics: () => ownMetrics(streams, counts, front) };

  const handle = async (request: Request, tcp: boolean): Promise<Response> => {
    let response: Response;
    try {
      if (tcp) authorize(request, { loopback: isLoopback(listen?.host ?? ""), token });
      response = await answer(request, context);
    } catch (error) {
      response = errorResponse(error, options.onFault);
    }
    if (tcp) {
      // A page of another site may not even load an answer as a picture or a script.
      response.headers.set("cross-origin-resource-policy", "same-origin");
      response.headers.set("x-content-type-options", "nosniff");
    }
    const kind = `${Math.floor(response.status / 100)}xx`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return response;
  };
  const handleTcp = async (request: Request): Promise<Response> => {
    const id = Front.numberOf(request);
    front?.served(id);
    const response = await handle(request, true);
    front?.answered(id);
    return response;
  };

  const { path, bound: local } = await bindSocket(
    options.sockets,
    (path) => Deno.serve({ path, onListen() {} }, (request) => handle(request, false)),
  );
  const servers = [local];
  const sockets = [path];
  if (listen !== undefined) {
    try {
      const tcp = await serveTcp(listen, path, handleTcp, options);
      front = tcp.front;
      servers.push(tcp.inner);
      sockets.push(tcp.path);
    } catch (error) {
      await local.shutdown();
      removeSocket(path);
      throw error;
    }
  }
  return {
    socket: path,
    address: front && listen && { host: listen.host, port: front.port },
    async close() {
      streams.close();
      front?.stop();
      const closed = Promise.all(servers.map((server) => server.shutdown())).then(() => true);
      // A client may hold a request open for long; what is left of it ends with the process.
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), CLOSE_PATIENCE);
      });
      await Promise.race([closed, late]);
      await front?.close();
      for (const socket of sockets) removeSocket(socket);
      clearTimeout(timer);
    },
  };
}

/** The port, and behind it a server on a socket of its own beside `socket`. */
async function serveTcp(
  listen: NonNullable<ServeOptions["listen"]>,
  socket: string,
  handle: (request: Request) => Promise<Response>,
  { scheduler, onProblem }: Pick<ServeOptions, "scheduler" | "onProblem">,
) {
  const listener = listenOn(listen);
  try {
    // Nobody but this process may connect to it: what comes from there came through the front.
    const { path, bound: inner } = await bindSocket(
      [socket.replace(/(?:\.sock)?$/, "-tcp.sock")],
      (path) => Deno.serve({ path, onListen() {} }, handle),
      0o600,
    );
    return { path, inner, front: new Front({ listener, path, scheduler, onProblem }) };
  } catch (error) {
    listener.close();
    throw error;
  }
}

function checkToken(listen: ServeOptions["listen"], token: string | undefined): void {
  if (token !== undefined && token.length < MIN_TOKEN_LENGTH) {
    throw new AgentError(
      `the token in [http] token_file is shorter than ${MIN_TOKEN_LENGTH} characters`,
      ExitCode.Refused,
    );
  }
  if (listen !== undefined && token === undefined && !isLoopback(listen.host)) {
    throw new AgentError(
      `[http] listen = "${listen.host}" is open to other computers; set token_file, or listen on 127.0.0.1`,
      ExitCode.Config,
    );
  }
}

function listenOn({ host, port }: { host: string; port: number }): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: host, port });
  } catch (cause) {
    throw listenError({ host, port }, cause);
  }
}

function listenError({ host, port }: { host: string; port: number }, cause: unknown): AgentError {
  const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const what = cause instanceof Deno.errors.AddrInUse
    ? "is in use by another program"
    : cause instanceof Deno.errors.PermissionDenied
    ? "needs more permission; ports below 1024 do"
    : `cannot be listened on (${messageOf(cause)})`;
  return new AgentError(`${where} ${what}; change listen in [http]`, ExitCode.Refused, { cause });
}

function ownMetrics(
  streams: Streams,
  counts: ReadonlyMap<string, number>,
  front: Front | undefined,
): Metric[] {
  return [
    {
      name: "agent_http_requests_total",
      help: "Requests to the local API, by kind of status.",
      type: "counter",
      samples: [...counts].map(([status, value]) => ({ labels: { status }, value })),
    },
    {
      name: "agent_http_streams",
      help: "Event streams and leases that are open.",
      type: "gauge",
      samples: [{ value: streams.open }],
    },
    {
      name: "agent_http_leases",
      help: "Leases that are open.",
      type: "gauge",
      samples: [{ value: streams.leases }],
    },
    {
      name: "agent_http_streams_dropped_total",
      help: "Event streams dropped because their reader was too slow.",
      type: "counter",
      samples: [{ value: streams.dropped }],
    },
    ...(front === undefined ? [] : frontMetrics(front)),
  ];
}

function frontMetrics({ open, dropped }: Front): Metric[] {
  return [
    {
      name: "agent_http_connections",
      help: "Connections to the TCP port of the local API that are open.",
      type: "gauge",
      samples: [{ value: open }],
    },
    {
      name: "agent_http_connections_dropped_total",
      help: "Connections to that port that were refused or closed by the agent, by why.",
      type: "counter",
      samples: Object.entries(dropped).map(([reason, value]) => ({ labels: { reason }, value })),
    },
  ];
}
