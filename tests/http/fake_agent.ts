/**
 * An agent in memory behind the real local API, for tests of the API and of the command line. It
 * keeps the promises of `AgentApi` and no others: one network, no time, no disk.
 *
 * @module
 */
import { AgentError, ExitCode, monotonicClock, Scheduler } from "../../lib/core/mod.ts";
import {
  type AgentApi,
  type ApiServer,
  type Entries,
  type InboxRow,
  type InterfaceEvent,
  type Lease,
  type LinkRow,
  type LsoeEventRow,
  type LsoeSessionRow,
  type MessageEvent,
  type MessagesApi,
  type Metric,
  type NearbyApi,
  type PlanView,
  type ProgramApi,
  type RingView,
  serveApi,
  type ServeOptions,
  type SetReceipt,
  type StateEvent,
  type StateQuery,
  type StateTree,
  type StatusView,
  type TasksApi,
} from "../../lib/http/mod.ts";

/** Every change has this time, so that tests can compare whole answers. */
export const AT = "2026-11-21T09:00:00.000Z";
export const SELF = { node: "pi-1", id: "a1b2c3d4e5f60718" };

export const RING_OFF = "the ring is switched off on this node";
export const LSOE_OFF = "LSOE is switched off on this node";

export class FakeAgent implements AgentApi {
  /** NODE → KEY → value; `pi-1` is this node. */
  readonly nodesOf = new Map<string, Map<string, Entries[string]>>([
    [SELF.node, new Map<string, Entries[string]>([["agent/version", "0.1.0"]])],
    ["pi-2", new Map<string, Entries[string]>([["heating/target", 21.5], ["door", "open"]])],
  ]);
  readonly listeners = new Set<(event: StateEvent) => void>();
  /** What was called, newest last. */
  readonly calls: unknown[][] = [];
  reasons: string[] = [];
  problems: string[] = [];
  /** Thrown by the next call that changes something. */
  refusal: Error | undefined;
  openLeases = 0;
  readonly interfaceListeners = new Set<(event: InterfaceEvent) => void>();
  readonly lsoeListeners = new Set<(event: LsoeEventRow) => void>();
  /** Undefined: LSOE is switched off. */
  sessions: LsoeSessionRow[] | undefined;
  cables: LinkRow[] = [];
  /** Undefined: the ring is switched off. */
  ringView: RingView | undefined;
  readonly messageListeners = new Set<(event: MessageEvent) => void>();
  /** What is in the inbox, by key. */
  readonly inbox = new Map<string, InboxRow>();
  readonly messages: MessagesApi = {
    send: (messages, waitMs) => {
      this.#refuse();
      this.calls.push(["send", messages, waitMs]);
      const state = waitMs > 0 ? "confirmed" : "held";
      return Promise.resolve(messages.map((_, i) => ({ id: String(i).padStart(32, "0"), state })));
    },
    inbox: (most) => Promise.resolve([...this.inbox.values()].slice(0, most)),
    take: (keys) => Promise.resolve(keys.filter((key) => this.inbox.delete(key))),
    outbox: () => ({ waiting: [], messages: 0, bytes: 0, undelivered: [] }),
    dismiss: (notices) => Promise.resolve([...notices ?? []]),
    links: () => [],
    changeLink: (which, change) => {
      this.#refuse();
      this.calls.push([change, which]);
      return Promise.resolve({
        link: 1,
        id: "",
        name: which,
        state: "linked",
        waiting: 0,
        waitingBytes: 0,
        addresses: [],
      });
    },
    subscribe: (listener) => {
      this.messageListeners.add(listener);
      return () => this.messageListeners.delete(listener);
    },
    present: () =>
      [...this.inbox.values()].map((row) => ({ event: "present", node: row.from, ...row })),
  };
  /** Addresses of services, by name. */
  readonly nearbyServices = new Map<string, string>();
  readonly nearby: NearbyApi = {
    services: () =>
      [...this.nearbyServices].map(([name, address]) => ({
        name,
        address,
        node: SELF.node,
        ttlSeconds: 20,
      })),
    discover: (name, waitMs) => {
      this.calls.push(["discover", name, waitMs]);
      const address = this.nearbyServices.get(name);
      return Promise.resolve(address === undefined ? undefined : found(name, address));
    },
    advertise: ({ name, address = "127.0.0.1:50000", ...others }) => {
      this.#refuse();
      this.calls.push(["advertise", name, address, others]);
      this.nearbyServices.set(name, address);
      return Promise.resolve(found(name, address));
    },
    unadvertise: (name) => Promise.resolve(this.nearbyServices.delete(name)),
    publish: (name, topic, data) => {
      this.#refuse();
      this.calls.push(["publish", name, topic, data]);
      return Promise.resolve(found(name, "127.0.0.1:50000"));
    },
  };
  readonly plan: PlanView = {
    id: "p1",
    status: "done",
    steps: [{ id: "step-1", status: "ok", value: 1, started: 1, ended: 2, attempts: 1 }],
  };
  readonly tasks: TasksApi = {
    actions: () => ["lamp.set", "piot.ping"],
    call: (request) => {
      this.#refuse();
      this.calls.push(["call", request]);
      return Promise.resolve({ id: "0".repeat(32), status: "complete", answers: [] });
    },
    start: (plan) => {
      this.#refuse();
      this.calls.push(["plan", plan]);
      return Promise.resolve(this.plan);
    },
    plans: () => [this.plan],
    plan: (id) => {
      if (id !== this.plan.id) throw new AgentError(`no plan ${id}`, ExitCode.NotThere);
      return this.plan;
    },
    cancel: () => Promise.resolve(this.plan),
  };
  readonly program: ProgramApi = {
    invite: (network, options) => {
      this.#check(network);
      this.calls.push(["invite", network, options]);
      const expires = AT;
      const code = "192.0.2.1/SECRET";
      return { id: "01020304", network: "home", expires, code, line: `agent join ${code}` };
    },
    invites: () => [{ id: "01020304", network: "home", state: "open", expires: AT }],
    revokeInvite: (id) => id === "01020304",
    view: () => ({ version: "0.1.0", pid: 1, args: ["run"], boot: "b", ready: true }),
    restart: (how) => void this.calls.push(["restart", how]),
  };

  status(): StatusView {
    return {
      name: SELF.node,
      id: SELF.id,
      version: "0.1.0",
      uptimeSeconds: 3_700,
      networks: [{
        name: "home",
        profile: "native",
        id: SELF.id,
        nodes: 2,
        peers: 1,
        consistent: true,
        networkHash: "00112233445566778899aabbccddeeff",
        keyId: "1a2b3c4d",
        listen: "[::]:8331",
        interfaces: ["eth0"],
        stateBytes: 412,
        stateLimitBytes: 65_536,
      }],
      rssBytes: 48_200_000,
      problems: this.problems,
    };
  }

  nodes(network?: string) {
    this.#check(network);
    return [...this.nodesOf].map(([name, entries]) => ({
      name,
      id: name === SELF.node ? SELF.id : "b1b2c3d4e5f60718",
      self: name === SELF.node,
      network: "home",
      keys: entries.size,
      ageSeconds: 12,
    }));
  }

  peers(network?: string) {
    this.#check(network);
    return [{
      node: "pi-2",
      id: "b1b2c3d4e5f60718",
      network: "home",
      endpoint: "eth0",
      address: "192.0.2.2:8331",
      lastContactSeconds: 3,
      consistent: true,
    }];
  }

  interfaces() {
    return [{
      name: "eth0",
      index: 2,
      mac: "02:00:00:00:00:01",
      up: true,
      running: true,
      mtu: 1_500,
      addresses: ["192.0.2.1/24"],
    }];
  }

  state({ network, node, prefix, keys }: StateQuery): StateTree {
    this.#check(network);
    const tree: StateTree = {};
    for (const [name, entries] of this.nodesOf) {
      if (node !== undefined && node !== name && !(node === SELF.id && name === SELF.node)) {
        continue;
      }
      for (const [key, value] of entries) {
        const wanted = (prefix === undefined && keys === undefined) ||
          (prefix !== undefined && key.startsWith(prefix)) || keys?.includes(key);
        if (wanted) (tree[name] ??= {})[key] = { value, at: AT };
      }
    }
    return tree;
  }

  partial(): string[] {
    return this.reasons;
  }

  set(
    network: string | undefined,
    entries: Entries,
    options: { ttlMs?: number | "default" } = {},
  ): SetReceipt {
    this.#check(network);
    this.#refuse();
    this.calls.push(["set", entries, options.ttlMs]);
    for (const [key, value] of Object.entries(entries)) this.put(SELF.node, key, value);
    if (options.ttlMs === undefined) return SELF;
    const ttlMs = options.ttlMs === "default" ? 60_000 : options.ttlMs;
    return {
      ...SELF,
      until: new Date(Date.parse(AT) + ttlMs).toISOString(),
      ttlSeconds: ttlMs / 1_000,
    };
  }

  unset(network: string | undefined, keys: string[]): string[] {
    this.#check(network);
    this.#refuse();
    this.calls.push(["unset", keys]);
    return keys.filter((key) => this.put(SELF.node, key, null));
  }

  lease(network: string | undefined, entries: Entries, ttlMs?: number): Lease {
    this.#check(network);
    this.#refuse();
    this.calls.push(["lease", entries, ttlMs]);
    this.openLeases++;
    let held = Object.keys(entries);
    const drop = () => held.forEach((key) => this.put(SELF.node, key, null));
    const take = (entries: Entries) =>
      Object.entries(entries).forEach(([key, value]) => this.put(SELF.node, key, value));
    take(entries);
    let open = true;
    return {
      id: crypto.randomUUID(),
      receipt: SELF,
      update: (entries) => {
        drop();
        held = Object.keys(entries);
        take(entries);
      },
      release: () => {
        if (!open) return;
        open = false;
        this.openLeases--;
        drop();
        this.calls.push(["release"]);
      },
    };
  }

  subscribe(network: string | undefined, listener: (event: StateEvent) => void): () => void {
    this.#check(network);
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  subscribeInterfaces(listener: (event: InterfaceEvent) => void): () => void {
    this.interfaceListeners.add(listener);
    return () => this.interfaceListeners.delete(listener);
  }

  links(network?: string): LinkRow[] {
    this.#check(network);
    return this.cables;
  }

  lsoeSessions(): LsoeSessionRow[] {
    if (this.sessions === undefined) throw new AgentError(LSOE_OFF, ExitCode.NotThere);
    return this.sessions;
  }

  ring(): RingView {
    if (this.ringView === undefined) throw new AgentError(RING_OFF, ExitCode.NotThere);
    return this.ringView;
  }

  subscribeLsoe(listener: (event: LsoeEventRow) => void): () => void {
    this.lsoeSessions();
    this.lsoeListeners.add(listener);
    return () => this.lsoeListeners.delete(listener);
  }

  metrics(): Metric[] {
    return [{
      name: "agent_info",
      help: "What runs.",
      type: "gauge",
      samples: [{ labels: { version: "0.1.0" }, value: 1 }],
    }];
  }

  /** Changes an entry of any node and tells it; null removes. False where nothing was there. */
  put(node: string, key: string, value: Entries[string]): boolean {
    let entries = this.nodesOf.get(node);
    if (entries === undefined) this.nodesOf.set(node, entries = new Map());
    const was = entries.has(key);
    if (value === null) entries.delete(key);
    else entries.set(key, value);
    if (value === null && !was) return false;
    const event = value === null ? "unset" : "set";
    for (const listener of [...this.listeners]) listener({ node, key, value, at: AT, event });
    return true;
  }

  #check(network: string | undefined): void {
    if (network !== undefined && network !== "home") {
      throw new AgentError(`there is no network "${network}"`, ExitCode.NotThere);
    }
  }

  #refuse(): void {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
  }
}

/** A session as LSOE tells it. */
export const SESSION: LsoeSessionRow = {
  interface: "eth0",
  peerMac: "02:00:00:00:00:02",
  peerId: "00:00:00:00:00:00:c0:00:02:02",
  peerNode: "pi-2",
  state: "open",
  sinceSeconds: 65,
  addresses: ["192.0.2.2/24"],
  labels: [],
  stale: false,
  carrier: true,
};

/** A fake agent that serves in a temporary folder. */
export interface Served extends AsyncDisposable {
  readonly agent: FakeAgent;
  readonly server: ApiServer;
  readonly socket: string;
  /** A folder of its own, removed at the end. */
  readonly dir: string;
  readonly faults: unknown[];
  /** Of the TCP port. */
  readonly problems: string[];
}

/** Whatever a server is made with that a test does not care about. */
export const PLAIN: Pick<ServeOptions, "scheduler" | "onFault" | "onProblem"> = {
  scheduler: new Scheduler(monotonicClock, (error) => {
    throw error;
  }),
  onFault() {},
  onProblem() {},
};

export async function serveFake(options: Partial<ServeOptions> = {}): Promise<Served> {
  const dir = Deno.makeTempDirSync({ prefix: "agent-test-" });
  const agent = new FakeAgent();
  const faults: unknown[] = [];
  const problems: string[] = [];
  const server = await serveApi(agent, {
    ...PLAIN,
    sockets: [`${dir}/agent.sock`],
    onFault: (error) => faults.push(error),
    onProblem: (message) => problems.push(message),
    ...options,
  });
  return {
    agent,
    server,
    socket: server.socket,
    dir,
    faults,
    problems,
    async [Symbol.asyncDispose]() {
      await server.close();
      Deno.removeSync(dir, { recursive: true });
    },
  };
}

/** Waits until a condition holds; fails after five seconds. For what another process or task does. */
export async function until(what: string, condition: () => boolean | Promise<boolean>) {
  const end = performance.now() + 5_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function found(name: string, address: string) {
  return { name, address, addresses: [address] };
}
