/**
 * LSOE of several agents on simulated cables, under virtual time, with a shared state that everybody
 * sees at once.
 *
 * @module
 */
import { Log } from "../../../lib/agent/log.ts";
import { LsoeService } from "../../../lib/agent/lsoe/lsoe.ts";
import type { LsoeTable } from "../../../lib/agent/lsoe/config.ts";
import { cablesOf } from "../../../lib/agent/lsoe/graph.ts";
import { LINKS_PREFIX, LSOE_ID_KEY } from "../../../lib/agent/lsoe/entry.ts";
import { parseConfig } from "../../../lib/agent/config/parse.ts";
import { Problems } from "../../../lib/agent/problems.ts";
import type { Machine } from "../../../lib/core/mod.ts";
import type { LinkRow, LsoeEventRow } from "../../../lib/http/api.ts";
import type { LabelBinding } from "../../../lib/net/mod.ts";
import { NativeStateCodec, NetworkView, OwnDictionary } from "../../../lib/state/mod.ts";
import { concat } from "../../../lib/wire/mod.ts";
import type { SimKernel, Wires } from "../../sim/kernel.ts";

/** Wall time of virtual time 0. */
const WALL = Date.UTC(2026, 10, 21);

/** `[lsoe]` with these lines. */
export function lsoeTable(toml = ""): LsoeTable {
  return parseConfig(`[lsoe]\nenabled = true\n${toml}`, "").lsoe;
}

/** What agents share: what one publishes, all see. */
export class Shared {
  readonly #views = new Map<string, NetworkView>();
  #seqno = 0;

  view(id: string): NetworkView {
    const view = new NetworkView(new NativeStateCodec());
    this.#views.set(id, view);
    return view;
  }

  publish(id: string, wall: number, data: Uint8Array): void {
    const node = { id, seqno: ++this.#seqno, hash: new Uint8Array(16), origination: 0, data };
    for (const [other, view] of this.#views) {
      view.nodeChanged(wall, { after: { ...node, self: other === id } });
    }
  }
}

/** An agent's LSOE and its dictionary. */
export class LsoeAgent {
  readonly kernel: SimKernel;
  readonly service: LsoeService;
  readonly own: OwnDictionary;
  readonly view: NetworkView;
  readonly problems: Problems;
  readonly log: string[] = [];
  readonly faults: unknown[] = [];
  /** Publications so far. */
  published = 0;
  labels: LabelBinding[] = [];

  constructor(shared: Shared, kernel: SimKernel, limit = 65_536) {
    const { wires, name } = kernel;
    this.kernel = kernel;
    const id = Array.from(new TextEncoder().encode(name.padEnd(8, "."))).map((byte) =>
      byte.toString(16)
    ).join("").slice(0, 16);
    this.view = shared.view(id);
    const codec = new NativeStateCodec();
    const clock = { now: () => wires.now, wall: () => WALL + wires.now };
    this.own = new OwnDictionary({
      codec,
      limit,
      onChanged: () => {
        this.published++;
        shared.publish(id, clock.wall(), concat([...this.own.encoded()]));
      },
    });
    this.own.setAgent(WALL, [["agent/name", name]]);
    const log = new Log({
      level: "info",
      journal: true,
      wall: clock.wall,
      sink: { write: (line) => this.log.push(line.trimEnd()) },
    });
    this.problems = new Problems(log, clock.now);
    this.service = new LsoeService({
      networks: [{
        config: { name: "home" },
        own: this.own,
        codec,
        stateLimit: limit,
        view: this.view,
        machine: { nodeId: id },
      }],
      clock,
      scheduler: {
        now: clock.now,
        add: (machine: Machine) => wires.add(machine),
        remove: (machine: Machine) => wires.remove(machine),
        touch: () => {},
      },
      log,
      problems: this.problems,
      randomBytes: (length) => wires.random.bytes(length),
      onFault: (error) => this.faults.push(error),
      packets: () => kernel,
      interfaces: () => kernel.current(),
      labels: { current: () => this.labels, subscribe: () => () => {} },
      hardware: () => "",
    });
    kernel.subscribe((all) => this.service.followInterfaces(all));
    wires.add(this.service);
  }

  start(toml = ""): Promise<void> {
    return this.service.configure(lsoeTable(toml));
  }

  /** Publishes as in `agent set`. */
  set(key: string, value: string): void {
    this.own.set(this.kernel.wires.now, WALL, [[key, value]]);
  }

  links(): LinkRow[] {
    return cablesOf(this.view.get({ prefix: LINKS_PREFIX, keys: [LSOE_ID_KEY] }));
  }

  /** Cables as `pi-1:eth0 open pi-2:eth0`. */
  drawn(): string[] {
    return this.links().map(({ a, b, state }) =>
      `${a.node}:${a.interface} ${state} ${b.node}:${b.interface}`
    );
  }

  events(): LsoeEventRow[] {
    const events: LsoeEventRow[] = [];
    this.service.subscribe((event) => events.push(event));
    return events;
  }
}

/** As many agents on new computers, started: `pi-1`, `pi-2`, …. */
export async function agents(wires: Wires, count: number, toml = ""): Promise<LsoeAgent[]> {
  const shared = new Shared();
  const all = Array.from(
    { length: count },
    (_, i) => new LsoeAgent(shared, wires.computer(`pi-${i + 1}`)),
  );
  for (const agent of all) await agent.start(toml);
  return all;
}
