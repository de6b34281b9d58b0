/**
 * A process that sends back what it gets over TCP, and the other end of it: what any exchange
 * between two Deno processes on this computer costs at the least.
 *
 * @module
 */
import { CannotMeasure, type Context } from "./context.ts";

/** A connection to the echo. */
export class Echo {
  readonly #connection: Deno.TcpConn;
  readonly #message: Uint8Array;
  readonly #buffer: Uint8Array;

  private constructor(connection: Deno.TcpConn, bytes: number) {
    this.#connection = connection;
    this.#message = new Uint8Array(bytes).fill(0x55);
    this.#buffer = new Uint8Array(bytes);
  }

  /** Starts the other process. Messages have `bytes` bytes. */
  static async start(context: Context, bytes: number): Promise<Echo> {
    const child = context.spawn(Deno.execPath(), {
      args: ["run", "--quiet", "--no-config", "-A", import.meta.url],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    });
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    context.defer(() => reader.cancel());
    const port = Number(new TextDecoder().decode(value));
    if (!(port > 0)) throw new CannotMeasure("the echo process does not start");
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    context.defer(() => connection.close());
    return new Echo(connection, bytes);
  }

  /** Sends a message and waits until it is back. */
  async roundTrip(): Promise<void> {
    await this.#connection.write(this.#message);
    for (let got = 0; got < this.#buffer.length;) {
      const n = await this.#connection.read(this.#buffer.subarray(got));
      if (n === null) throw new CannotMeasure("the echo process went away");
      got += n;
    }
  }
}

async function serve(): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await Deno.stdout.write(new TextEncoder().encode(`${listener.addr.port}\n`));
  const connection = await listener.accept();
  connection.setNoDelay(true);
  const buffer = new Uint8Array(4_096);
  for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
    await connection.write(buffer.subarray(0, n));
  }
  Deno.exit(0);
}

if (import.meta.main) await serve();
