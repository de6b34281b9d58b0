/**
 * The C library through Deno's FFI: a handful of calls on descriptors. Importing this opens nothing;
 * {@linkcode libc} opens it once a thread, for good (libc itself can never be unloaded).
 *
 * **Every call answers as the kernel does: a result, or minus the error number** (`errno.ts`).
 * `errno` is read from its memory, which `__errno_location()` told once, right after the call and in
 * the same function. Asking for that place after the failure is too late: what the engine does on the
 * way (compiling, resolving the symbol) has overwritten it in one of three cold processes. A call
 * that runs on another thread has its errno there, out of reach: so only {@linkcode Libc.poll} does,
 * and nobody asks why it failed.
 *
 * The functions are called by their address (`by_address.ts`), and bound by `Deno.dlopen` where
 * somebody sends or receives so much that the microsecond of such a call matters.
 *
 * Pointers inside of structures are the caller's business: memory that the kernel is to find must be
 * an `ArrayBuffer` made as such (small typed arrays may live inside of the engine's heap, and move),
 * and must be held as long as the kernel may look at it. See {@linkcode addressOf}.
 *
 * @module
 */
import { AgentError, ExitCode, messageOf } from "../lib/core/errors.ts";
import { openByAddress } from "./by_address.ts";
import { Sys } from "./layouts.ts";

const LIBRARY = "libc.so.6";

// `ssize_t` is declared as i32: the low half of the register. Nothing here moves 2 GiB at once, and
// a result of 64 bits would be an allocated bigint.
const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recvfrom: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"], result: "i32" },
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "pointer"], result: "i32" },
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** Memory that is handed to the kernel. */
export type Memory = Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** So many batches of messages within a second are worth it. */
const OFTEN = 500;

/** The calls. Lengths in bytes; a `bigint` is one because a number there costs 100 ns. */
export class Libc {
  #symbols: Symbols;
  readonly #errno: Int32Array<ArrayBuffer>;
  #bound = false;
  /** Batches since then, on the clock of `performance.now()`. */
  #batches = 0;
  #since = 0;

  constructor() {
    this.#symbols = openByAddress(LIBRARY, SYMBOLS).symbols;
    const place = this.#symbols.__errno_location();
    if (place === null) throw new Error("__errno_location() gave no place");
    this.#errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(place, 4));
  }

  /** A new descriptor. */
  socket(domain: number, type: number, protocol: number): number {
    const result = this.#symbols.socket(domain, type, protocol);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** It does not end a {@linkcode poll} that looks at the descriptor. */
  close(fd: number): number {
    const result = this.#symbols.close(fd);
    return result < 0 ? -this.#errno[0]! : result;
  }

  bind(fd: number, address: Memory, length = address.byteLength): number {
    const result = this.#symbols.bind(fd, address, length);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** `length`: one number, which holds the room and is given the length. */
  getsockname(fd: number, address: Memory, length: Int32Array<ArrayBuffer>): number {
    const result = this.#symbols.getsockname(fd, address, length);
    return result < 0 ? -this.#errno[0]! : result;
  }

  setsockopt(fd: number, level: number, name: number, value: Memory): number {
    const result = this.#symbols.setsockopt(fd, level, name, value, value.byteLength);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** `length`: one number, which holds the room and is given the length. */
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Memory,
    length: Int32Array<ArrayBuffer>,
  ): number {
    const result = this.#symbols.getsockopt(fd, level, name, value, length);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** A new descriptor. */
  eventfd(initial: number, flags: number): number {
    const result = this.#symbols.eventfd(initial, flags);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** How many bytes. */
  read(fd: number, into: Memory, length: bigint): number {
    const result = this.#symbols.read(fd, into, length);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** How many bytes. */
  write(fd: number, bytes: Memory, length: bigint): number {
    const result = this.#symbols.write(fd, bytes, length);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** How many bytes. */
  send(fd: number, bytes: Memory, length: bigint, flags: number): number {
    const result = this.#symbols.send(fd, bytes, length, flags);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** How many bytes; with MSG_TRUNC in `flags`, how many there were. */
  recv(fd: number, into: Memory, length: bigint, flags: number): number {
    const result = this.#symbols.recv(fd, into, length, flags);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** How many bytes; with MSG_TRUNC in `flags`, how many there were. */
  recvfrom(
    fd: number,
    into: Memory,
    length: bigint,
    flags: number,
    from: Memory,
    fromLength: Int32Array<ArrayBuffer>,
  ): number {
    const result = this.#symbols.recvfrom(fd, into, length, flags, from, fromLength);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** How many messages. */
  recvmmsg(fd: number, messages: Memory, count: number, flags: number): number {
    if (!this.#bound) this.#countBatch();
    const result = this.#symbols.recvmmsg(fd, messages, count, flags, null);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /** How many messages: fewer than `count` where one in between could not be sent. */
  sendmmsg(fd: number, messages: Memory, count: number, flags: number): number {
    if (!this.#bound) this.#countBatch();
    const result = this.#symbols.sendmmsg(fd, messages, count, flags);
    return result < 0 ? -this.#errno[0]! : result;
  }

  /**
   * Waits on another thread, one of 32 that files, DNS and WebCrypto need too. How many descriptors
   * have something to tell, or −1 for whatever reason.
   */
  poll(descriptors: Memory, count: bigint, timeoutMs: number): Promise<number> {
    return this.#symbols.poll(descriptors, count, timeoutMs);
  }

  #countBatch(): void {
    const now = performance.now();
    if (now - this.#since >= 1_000) {
      this.#since = now;
      this.#batches = 0;
    }
    if (++this.#batches < OFTEN) return;
    this.#bound = true;
    this.#symbols = Deno.dlopen(LIBRARY, SYMBOLS).symbols;
  }
}

let opened: Libc | undefined;

/**
 * The C library of this thread.
 * @throws {AgentError} where there is none that we could call: not Linux, no glibc, no `--allow-ffi`.
 */
export function libc(): Libc {
  return opened ??= open();
}

function open(): Libc {
  const cannot = (why: string, cause?: unknown) =>
    new AgentError(
      `cannot call ${LIBRARY} of this system: ${why}; raw Ethernet and link events need 64-bit Linux with glibc`,
      ExitCode.Refused,
      { cause },
    );
  if (Deno.build.os !== "linux") throw cannot(`this is ${Deno.build.os}`);
  // What else has a libc.so.6 has other layouts.
  if (!["x86_64", "aarch64"].includes(Deno.build.arch)) throw cannot(`this is ${Deno.build.arch}`);
  try {
    return new Libc();
  } catch (error) {
    const why = messageOf(error).split("\n", 1)[0]!;
    throw cannot(
      error instanceof Deno.errors.NotCapable ? `Deno runs without --allow-ffi` : why,
      error,
    );
  }
}

/**
 * A larger receive buffer, in bytes: as root beyond the limit of the system (`net.core.rmem_max`), else
 * up to it.
 */
export function enlargeReceiveBuffer(libc: Libc, fd: number, bytes: number): void {
  const size = new Int32Array(new ArrayBuffer(4));
  size[0] = bytes;
  if (libc.setsockopt(fd, Sys.SOL_SOCKET, Sys.SO_RCVBUFFORCE, size) >= 0) return;
  libc.setsockopt(fd, Sys.SOL_SOCKET, Sys.SO_RCVBUF, size);
}

/**
 * Where a buffer stands, for pointers inside of structures. Costs 300 ns, so it is asked once. The
 * buffer must be held as long as the kernel may use the address.
 */
export function addressOf(buffer: ArrayBuffer): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer)));
}
