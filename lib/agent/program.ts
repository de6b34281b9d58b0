/**
 * The agent as a program: invitations to its networks, what it was started from, and its restart.
 *
 * @module
 */
import { AgentError, ExitCode, parseDuration } from "../core/mod.ts";
import type {
  Invitation,
  InviteRow,
  ProgramApi,
  ProgramView,
  RestartHow,
} from "../http/program_api.ts";
import { type InterfaceInfo, parseHostPort } from "../net/mod.ts";
import { interfaceMatcher } from "./config/config.ts";
import { formatCode, joinLine, MOST_ADDRESSES, reachableAddresses } from "./join/invite_code.ts";
import { networkNamed } from "./network/named.ts";
import type { Network } from "./network/network.ts";
import { selfFile } from "./self.ts";
import { VERSION } from "./version.ts";

/** How long an invitation lives where nobody says. */
const INVITE_TTL = parseDuration("10m");

/** What it looks at. */
export interface ProgramOptions {
  readonly networks: readonly Network[];
  readonly interfaces: () => InterfaceInfo[];
  readonly ready: () => boolean;
  /** What the agent was called with. */
  readonly args: readonly string[];
  /** Asked to start anew; undefined where this process cannot. */
  readonly restart: ((how: RestartHow) => void) | undefined;
}

/** Implements what `lib/http` translates. */
export class Program implements ProgramApi {
  readonly #options: ProgramOptions;
  readonly #boot = crypto.randomUUID();

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  invite(
    network: string | undefined,
    { ttlMs = INVITE_TTL, addresses }: { ttlMs?: number; addresses?: readonly string[] },
  ): Invitation {
    const chosen = this.#network(network);
    const { name } = chosen.config;
    const { invites } = chosen.transport;
    if (!invites) {
      throw new AgentError(
        `network "${name}" has profile "${chosen.config.profile}" and no key to give out; others ` +
          "join it by using the same profile",
        ExitCode.Refused,
      );
    }
    const { listen } = chosen;
    if (listen === undefined) {
      throw new AgentError(
        `network "${name}" does not listen, so nobody could join here; run agent invite on ` +
          "another node, or set listen in [[network]]",
        ExitCode.Refused,
      );
    }
    const { port } = parseHostPort(listen, 0);
    const inUse = new Set(chosen.interfaces);
    const isWanted = inUse.size > 0 ? (one: string) => inUse.has(one) : interfaceMatcher(["*"]);
    const reachable = addresses && addresses.length > 0
      ? addresses.map((one) => parseHostPort(one, port))
      : reachableAddresses(listen, this.#options.interfaces(), isWanted);
    if (reachable.length === 0) {
      throw new AgentError(
        "this computer has no address that others could dial; name one: --address HOST",
        ExitCode.Refused,
      );
    }
    if (reachable.length > MOST_ADDRESSES) {
      throw new AgentError(
        `an invitation has room for ${MOST_ADDRESSES} addresses; name fewer: --address HOST`,
        ExitCode.Usage,
      );
    }
    const { key, row } = invites.make(ttlMs);
    const code = formatCode({ addresses: reachable, key });
    return { id: row.id, network: name, expires: row.expires, code, line: joinLine(code) };
  }

  invites(network: string | undefined): InviteRow[] {
    const chosen = network === undefined ? this.#options.networks : [this.#network(network)];
    return chosen.flatMap(({ transport }) => transport.invites?.list() ?? []);
  }

  revokeInvite(id: string): boolean {
    return this.#options.networks.some(({ transport }) => transport.invites?.revoke(id));
  }

  view(): ProgramView {
    const file = selfFile();
    return {
      version: VERSION,
      pid: Deno.pid,
      ...(file !== undefined && { file }),
      args: [...this.#options.args],
      boot: this.#boot,
      ready: this.#options.ready(),
    };
  }

  restart(how: RestartHow): void {
    const { restart } = this.#options;
    if (!restart) {
      throw new AgentError("this agent cannot start itself anew; restart it", ExitCode.Refused);
    }
    restart(how);
  }

  #network(name: string | undefined): Network {
    return networkNamed(this.#options.networks, name);
  }
}
