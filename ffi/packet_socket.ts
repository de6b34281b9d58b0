/**
 * Raw Ethernet on the kernel's AF_PACKET sockets (`spec/lsoe.md §11`): one socket for one EtherType,
 * on all interfaces or bound to one. The kernel takes Ethernet's header off and puts it on
 * (SOCK_DGRAM). Frames are read in batches when the poller says so, and sent at once.
 *
 * @module
 */
import { AgentError, ExitCode } from "../lib/core/errors.ts";
import type {
  Frame,
  Losses,
  PacketListener,
  PacketPort,
  PacketSystem,
  Sent,
} from "../lib/net/packets.ts";
import { type Mac, readMac, writeMac } from "../lib/wire/mac.ts";
import { Errno, errnoName } from "./errno.ts";
import { Layouts, Sys } from "./layouts.ts";
import { enlargeReceiveBuffer, type Libc, libc } from "./libc.ts";
import { MessageBatch, NAME_BYTES, SLOT_BYTES, SLOTS } from "./message_batch.ts";
import type { Poller, Watch } from "./poller.ts";

/** Receive buffer of a socket, in bytes: some 10 000 short frames. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** At most so many batches in a row, so that others have their turn: 2 048 frames, 2 to 3 ms. */
const BATCHES = 32;
const MAC_BYTES = 6;

const ADDRESS = Layouts.sockaddr_ll.fields;
const FAMILY = ADDRESS.sll_family[0];
const PROTOCOL = ADDRESS.sll_protocol[0];
const IFINDEX = ADDRESS.sll_ifindex[0];
const PKTTYPE = ADDRESS.sll_pkttype[0];
const HALEN = ADDRESS.sll_halen[0];
const ADDR = ADDRESS.sll_addr[0];
const MREQ = Layouts.packet_mreq.fields;

/** Since the port was opened. */
export interface PacketCounters extends Losses {
  readonly framesReceived: number;
  readonly framesSent: number;
  /** Calls of `send` that did not send all. */
  readonly sendErrors: number;
}

/** What the ports of one system share: nothing of it outlives a call. */
interface Shared {
  readonly libc: Libc;
  readonly poller: Poller;
  readonly onError: (error: unknown) => void;
  readonly received: MessageBatch;
  readonly toSend: MessageBatch;
}

/** Ports of the kernel. Nothing is opened before the first port is. */
export class KernelPackets implements PacketSystem {
  readonly #poller: Poller;
  readonly #onError: (error: unknown) => void;
  #shared: Shared | undefined;

  /** @param onError is told what a listener threw; the other frames are handed on all the same. */
  constructor(poller: Poller, onError: (error: unknown) => void) {
    this.#poller = poller;
    this.#onError = onError;
  }

  /**
   * @param ethertype 0x0600 to 0xFFFF.
   * @param interfaceIndex receive on this interface only; 0: on all that there are or will be. Where
   * the one is deleted the port stays silent for ever, and the kernel does not say so: who binds has to
   * close it when netlink tells.
   * @throws {AgentError} `Refused` where CAP_NET_RAW is missing, saying how to give it; where libc
   * cannot be called; where there is no such interface.
   */
  open(ethertype: number, listener: PacketListener, interfaceIndex = 0): KernelPort {
    if (!(ethertype >= 0x0600 && ethertype <= 0xffff)) {
      throw new RangeError(`no EtherType: ${ethertype}`);
    }
    const shared = this.#shared ??= {
      libc: libc(),
      poller: this.#poller,
      onError: this.#onError,
      received: new MessageBatch(false),
      toSend: new MessageBatch(true),
    };
    return new KernelPort(shared, ethertype, interfaceIndex, listener);
  }
}

/** A frame that is filled anew for each one that arrives. */
class ReusedFrame implements Frame {
  interfaceIndex = 0;
  source: Mac = 0;
  packetType = 0;
  payload: Uint8Array = new Uint8Array(0);
}

/** An AF_PACKET socket. */
export class KernelPort implements PacketPort {
  readonly #shared: Shared;
  readonly #libc: Libc;
  readonly #listener: PacketListener;
  readonly #ethertype: number;
  readonly #frame = new ReusedFrame();
  readonly #watch: Watch;
  #fd: number;
  #framesReceived = 0;
  #framesSent = 0;
  #dropped = 0;
  #truncated = 0;
  #receiveErrors = 0;
  #sendErrors = 0;

  constructor(
    shared: Shared,
    ethertype: number,
    interfaceIndex: number,
    listener: PacketListener,
  ) {
    this.#shared = shared;
    this.#libc = shared.libc;
    this.#listener = listener;
    this.#ethertype = ethertype;
    this.#fd = openSocket(shared.libc, ethertype, interfaceIndex);
    try {
      this.#watch = shared.poller.add(this.#fd, (events) => this.#ready(events));
    } catch (error) {
      shared.libc.close(this.#fd);
      throw error;
    }
  }

  send(interfaceIndex: number, destination: Mac, payloads: readonly Uint8Array[]): Sent {
    const batch = this.#shared.toSend;
    const address = batch.names;
    address.setUint16(FAMILY, Sys.AF_PACKET, true);
    address.setUint16(PROTOCOL, this.#ethertype);
    address.setInt32(IFINDEX, interfaceIndex, true);
    address.setUint8(HALEN, MAC_BYTES);
    writeMac(address, ADDR, destination);
    let frames = 0;
    while (frames < payloads.length) {
      const count = Math.min(payloads.length - frames, SLOTS);
      let filled = 0;
      for (; filled < count; filled++) {
        const payload = payloads[frames + filled]!;
        if (payload.length > SLOT_BYTES) break;
        batch.fill(filled, payload);
      }
      const sent = filled > 0 ? this.#sendBatch(filled) : -Errno.EMSGSIZE;
      if (sent > 0) frames += sent;
      else if (sent !== -Errno.EINTR) return this.#sent(frames, errnoName(-sent));
      // Where not all went out, the next call begins with the one that did not, and gets to know why.
    }
    return this.#sent(frames);
  }

  join(interfaceIndex: number, group: Mac): string | undefined {
    const result = this.#membership(Sys.PACKET_ADD_MEMBERSHIP, interfaceIndex, group);
    return result < 0 ? errnoName(-result) : undefined;
  }

  /** Of what was joined twice, as often. An interface that is gone took its groups with it. */
  leave(interfaceIndex: number, group: Mac): void {
    this.#membership(Sys.PACKET_DROP_MEMBERSHIP, interfaceIndex, group);
  }

  losses(): Losses {
    // The kernel counts from one question to the next.
    this.#readStatistics();
    return {
      dropped: this.#dropped,
      truncated: this.#truncated,
      receiveErrors: this.#receiveErrors,
    };
  }

  counters(): PacketCounters {
    return {
      ...this.losses(),
      framesReceived: this.#framesReceived,
      framesSent: this.#framesSent,
      sendErrors: this.#sendErrors,
    };
  }

  close(): void {
    if (this.#fd < 0) return;
    this.#readStatistics();
    this.#watch.remove();
    this.#libc.close(this.#fd);
    this.#fd = -1;
  }

  #sendBatch(count: number): number {
    return this.#libc.sendmmsg(this.#fd, this.#shared.toSend.headers, count, Sys.MSG_DONTWAIT);
  }

  #sent(frames: number, error?: string): Sent {
    this.#framesSent += frames;
    if (error === undefined) return { frames };
    this.#sendErrors++;
    return { frames, error };
  }

  #ready(events: number): boolean | "more" {
    if (events & Sys.POLLNVAL) {
      this.#fail("its descriptor was closed");
      return true;
    }
    let any = false;
    let round = 0;
    for (; round < BATCHES; round++) {
      const { headers } = this.#shared.received;
      const count = this.#libc.recvmmsg(this.#fd, headers, SLOTS, Sys.MSG_DONTWAIT);
      if (count >= 0) {
        any = true;
        this.#deliver(count);
        if (count < SLOTS || this.#fd < 0) break;
      } else if (!this.#readsOnAfter(-count)) break;
    }
    if (any && this.#fd >= 0) this.#tell(() => this.#listener.drained?.());
    return any && round === BATCHES ? "more" : any;
  }

  #deliver(count: number): void {
    const batch = this.#shared.received;
    for (let slot = 0; slot < count;) {
      try {
        while (slot < count) this.#deliverOne(batch, slot++);
      } catch (error) {
        this.#shared.onError(error);
      }
    }
  }

  #deliverOne(batch: MessageBatch, slot: number): void {
    const flags = batch.take(slot);
    // A listener may close the port; the slots are put in order all the same.
    if (this.#fd < 0) return;
    if (flags & Sys.MSG_TRUNC) {
      this.#truncated++;
      return;
    }
    this.#framesReceived++;
    const frame = this.#frame;
    const at = batch.nameOffset(slot);
    frame.interfaceIndex = batch.names.getInt32(at + IFINDEX, true);
    frame.packetType = batch.names.getUint8(at + PKTTYPE);
    frame.source = batch.names.getUint8(at + HALEN) === MAC_BYTES
      ? readMac(batch.names, at + ADDR)
      : 0;
    frame.payload = batch.payload(slot);
    this.#listener.frame(frame);
  }

  /** Whether there may be frames behind what the kernel said instead of one. */
  #readsOnAfter(errno: number): boolean {
    if (errno === Errno.EAGAIN) return false;
    this.#receiveErrors++;
    switch (errno) {
      // Once, when the interface that we are bound to goes down. The socket works again when that is up.
      case Errno.ENETDOWN:
        return true;
      // What passes by itself. The poller comes again, not too soon.
      case Errno.EINTR:
      case Errno.ENOBUFS:
      case Errno.ENOMEM:
        return false;
      default:
        this.#fail(errnoName(errno));
        return false;
    }
  }

  #fail(reason: string): void {
    this.close();
    this.#tell(() => this.#listener.failed(reason));
  }

  #tell(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#shared.onError(error);
    }
  }

  #membership(option: number, interfaceIndex: number, group: Mac): number {
    const request = new DataView(new ArrayBuffer(Layouts.packet_mreq.size));
    request.setInt32(MREQ.mr_ifindex[0], interfaceIndex, true);
    request.setUint16(MREQ.mr_type[0], Sys.PACKET_MR_MULTICAST, true);
    request.setUint16(MREQ.mr_alen[0], MAC_BYTES, true);
    writeMac(request, MREQ.mr_address[0], group);
    return this.#libc.setsockopt(
      this.#fd,
      Sys.SOL_PACKET,
      option,
      new Uint8Array(request.buffer),
    );
  }

  #readStatistics(): void {
    if (this.#fd < 0) return;
    const { size, fields } = Layouts.tpacket_stats;
    const stats = new DataView(new ArrayBuffer(size));
    const result = this.#libc.getsockopt(
      this.#fd,
      Sys.SOL_PACKET,
      Sys.PACKET_STATISTICS,
      new Uint8Array(stats.buffer),
      Int32Array.of(size),
    );
    if (result >= 0) this.#dropped += stats.getUint32(fields.tp_drops[0], true);
  }
}

/**
 * A socket that receives frames of this EtherType. It has protocol 0 until it is bound: with another
 * it would at once queue frames of interfaces that nobody asked for.
 */
function openSocket(libc: Libc, ethertype: number, interfaceIndex: number): number {
  const type = Sys.SOCK_DGRAM | Sys.SOCK_NONBLOCK | Sys.SOCK_CLOEXEC;
  const fd = libc.socket(Sys.AF_PACKET, type, 0);
  if (fd < 0) throw cannotOpen(-fd);
  enlargeReceiveBuffer(libc, fd, RECEIVE_BUFFER);
  const address = new DataView(new ArrayBuffer(NAME_BYTES));
  address.setUint16(FAMILY, Sys.AF_PACKET, true);
  address.setUint16(PROTOCOL, ethertype);
  address.setInt32(IFINDEX, interfaceIndex, true);
  const result = libc.bind(fd, new Uint8Array(address.buffer));
  if (result >= 0) return fd;
  libc.close(fd);
  const protocol = `0x${ethertype.toString(16).padStart(4, "0").toUpperCase()}`;
  throw new AgentError(
    result === -Errno.ENODEV
      ? `cannot receive EtherType ${protocol}: there is no interface with the index ${interfaceIndex}`
      : `cannot receive EtherType ${protocol}: bind says ${errnoName(-result)}`,
    ExitCode.Refused,
  );
}

function cannotOpen(errno: number): AgentError {
  const refused = (why: string) =>
    new AgentError(`cannot open a socket for raw Ethernet: ${why}`, ExitCode.Refused);
  switch (errno) {
    case Errno.EPERM:
    case Errno.EACCES:
      return refused(
        "CAP_NET_RAW is missing; put AmbientCapabilities=CAP_NET_RAW into the systemd unit " +
          "(or, where the program is one native file and no script: sudo setcap cap_net_raw+ep FILE)",
      );
    case Errno.EAFNOSUPPORT:
      return refused(
        "AF_PACKET is not allowed; add it to RestrictAddressFamilies= of the systemd unit",
      );
    default:
      return refused(errnoName(errno));
  }
}
