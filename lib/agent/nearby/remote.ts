/**
 * Services of other nodes, as the shared state has them.
 *
 * @module
 */
import type { Network } from "../network/network.ts";
import { readService, SERVICES_PREFIX, type SharedService } from "./entry.ts";

/** A network that they are read from. */
export interface ServicesOf {
  readonly view: Pick<Network["view"], "get" | "onChange" | "names">;
  readonly machine: { readonly nodeId: string };
}

/** A service, and the node that tells of it. */
export interface RemoteService extends SharedService {
  readonly node: string;
}

export class RemoteServices {
  readonly #networks: readonly ServicesOf[];
  readonly #unsubscribe: (() => void)[];
  readonly #onChange: () => void;
  #known = new Map<string, RemoteService>();
  #told = false;

  /** `onChange` is called once for all changes of a turn, and after it. */
  constructor(networks: readonly ServicesOf[], onChange: () => void) {
    this.#networks = networks;
    this.#onChange = onChange;
    this.#unsubscribe = networks.map(({ view }) =>
      view.onChange(({ key }) => key.startsWith(SERVICES_PREFIX) ? this.#tell() : undefined)
    );
  }

  /** As of the last {@linkcode read}. */
  get(name: string): RemoteService | undefined {
    return this.#known.get(name);
  }

  /** All services now, and those that are gone since the last call. */
  read(): { all: RemoteService[]; gone: RemoteService[] } {
    const before = this.#known;
    this.#known = new Map();
    for (const { view, machine } of this.#networks) {
      const self = view.names.of(machine.nodeId);
      for (const { node, entries } of view.get({ prefix: SERVICES_PREFIX })) {
        if (node === self) continue;
        for (const entry of entries) {
          const service = readService(entry);
          if (service === undefined || this.#known.has(service.name)) continue;
          this.#known.set(service.name, { ...service, node });
        }
      }
    }
    const gone = [...before.values()].filter(({ name }) => !this.#known.has(name));
    return { all: [...this.#known.values()], gone };
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      this.#onChange();
    });
  }
}
