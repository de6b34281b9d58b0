/**
 * The invitations to one network that are out (docs/join.md): in memory only, few, short-lived, each
 * good for one joiner. An agent that stops has withdrawn them all.
 *
 * @module
 */
import { AgentError, type Clock, ExitCode } from "../../core/mod.ts";
import type { InviteRow } from "../../http/program_api.ts";
import type { Invitations } from "../../net/mod.ts";
import { InviteKey } from "../../wire/invite.ts";
import type { InviteState } from "../../wire/preface.ts";
import type { Problems } from "../problems.ts";

/** Invitations of a network that are open at a time. */
const MOST_OPEN = 8;
/** So many wrong proofs withdraw an invitation. Guessing is hopeless; somebody tries to anyway. */
const MOST_WRONG = 5;
/** Past ones that are remembered, to tell "used" from "unknown". */
const MOST_PAST = 32;
/** Longest and shortest life, in ms. */
const LONGEST = 86_400_000;
const SHORTEST = 1_000;

/** What the desk is made of. */
export interface InvitesOptions {
  readonly network: string;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly problems: Problems;
  /** One line for people, not a problem. */
  readonly notice: (line: string) => void;
}

interface Invite {
  readonly key: InviteKey;
  /** Monotonic ms. */
  readonly until: number;
  /** ms since 1970, for people. */
  readonly made: number;
  readonly untilWall: number;
  wrong: number;
  /** Who has taken the key: what it drew, and who it is. */
  claim: { readonly token: string; readonly by: string } | undefined;
  over: Exclude<InviteState, "unknown"> | undefined;
}

/** The desk where invitations are made, found and used up. */
export class Invites implements Invitations {
  readonly #options: InvitesOptions;
  /** By id, the oldest first. */
  readonly #invites = new Map<string, Invite>();

  constructor(options: InvitesOptions) {
    this.#options = options;
  }

  /**
   * A new invitation.
   * @throws {AgentError} exit code 2 for a time that makes no sense, 4 where too many are open.
   */
  make(ttlMs: number): { key: InviteKey; row: InviteRow } {
    if (!(ttlMs >= SHORTEST && ttlMs <= LONGEST)) {
      throw new AgentError("an invitation lives for 1s to 24h; choose --for", ExitCode.Usage);
    }
    const now = this.#sweep();
    const open = [...this.#invites.values()].filter(({ over }) => over === undefined).length;
    if (open >= MOST_OPEN) {
      throw new AgentError(
        `${open} invitations are open already; withdraw one (agent invite --list, --revoke ID), ` +
          "or wait until their time is over",
        ExitCode.Refused,
      );
    }
    let key: InviteKey;
    do key = new InviteKey(this.#options.randomBytes(16)); while (this.#invites.has(key.id));
    const made = this.#options.clock.wall();
    const invite: Invite = {
      key,
      until: now + ttlMs,
      made,
      untilWall: made + ttlMs,
      wrong: 0,
      claim: undefined,
      over: undefined,
    };
    this.#invites.set(key.id, invite);
    return { key, row: this.#rowOf(invite) };
  }

  /** All that are out or were of late. */
  list(): InviteRow[] {
    this.#sweep();
    return [...this.#invites.values()].map((invite) => this.#rowOf(invite));
  }

  /** Nobody can use it any more. False where there is no open one with this id. */
  revoke(id: string): boolean {
    this.#sweep();
    const invite = this.#invites.get(id);
    if (!invite || invite.over !== undefined) return false;
    invite.over = "withdrawn";
    return true;
  }

  find(id: string): InviteKey | InviteState {
    this.#sweep();
    const invite = this.#invites.get(id);
    return invite ? invite.over ?? invite.key : "unknown";
  }

  wrongProof(id: string, remote: string): void {
    const invite = this.#invites.get(id);
    if (!invite || invite.over !== undefined) return;
    invite.wrong++;
    if (invite.wrong < MOST_WRONG) return;
    invite.over = "withdrawn";
    this.#options.problems.note(
      `${this.#options.network}:invite:${id}`,
      `the invitation of ${timeOf(invite.made)} is withdrawn: ${invite.wrong} times somebody ` +
        `named it without its code, the last from ${remote}; make a new one: agent invite`,
    );
  }

  /**
   * The holder of the code asks for the keys. The first to do so gets them; the same one (it shows
   * the token that it drew) may ask again, because its connection may have broken.
   * `undefined`: give them; else why not.
   */
  take(id: string, token: string, by: string): string | undefined {
    const found = this.find(id);
    if (typeof found === "string") return refusalOf(found);
    const invite = this.#invites.get(id) as Invite;
    invite.claim ??= { token, by };
    if (invite.claim.token === token) return undefined;
    this.#options.problems.note(
      `${this.#options.network}:invite:${id}`,
      `${by} tried to join with the invitation of ${timeOf(invite.made)}, which ` +
        `${invite.claim.by} had taken before`,
    );
    return `${invite.claim.by} has taken this code before; ask for a new one: agent invite`;
  }

  /** The joiner has stored the keys: nobody else may use the invitation. */
  stored(id: string, by: string): void {
    const invite = this.#invites.get(id);
    if (!invite || invite.over === "used") return;
    invite.over = "used";
    this.#options.problems.clear(`${this.#options.network}:invite:${id}:taken`);
    this.#options.notice(
      `${by} joined network "${this.#options.network}" with the invitation of ` +
        timeOf(invite.made),
    );
  }

  /** The connection of a joiner ended. It may have the keys without having said that it has. */
  ended(id: string): void {
    const invite = this.#invites.get(id);
    if (!invite?.claim || invite.over === "used") return;
    this.#options.problems.note(
      `${this.#options.network}:invite:${id}:taken`,
      `${invite.claim.by} was given the key of network "${this.#options.network}" with the ` +
        `invitation of ${timeOf(invite.made)}, and did not confirm it; if that was none of ` +
        "yours, replace the key",
    );
  }

  /** Ends what has lived long enough, forgets what is long past; answers the time. */
  #sweep(): number {
    const now = this.#options.clock.now();
    for (const invite of this.#invites.values()) {
      if (invite.over === undefined && now >= invite.until) invite.over = "expired";
    }
    let past = [...this.#invites.values()].filter(({ over }) => over !== undefined).length;
    for (const [id, { over }] of this.#invites) {
      if (past <= MOST_PAST) break;
      if (over === undefined) continue;
      this.#invites.delete(id);
      past--;
    }
    return now;
  }

  #rowOf({ key, claim, over, untilWall }: Invite): InviteRow {
    return {
      id: key.id,
      network: this.#options.network,
      state: over ?? (claim ? "taken" : "open"),
      expires: new Date(untilWall).toISOString(),
      ...(claim && { by: claim.by }),
    };
  }
}

function refusalOf(state: InviteState): string {
  return `this code ${state === "used" ? "has been used" : `is ${state}`}; ` +
    "ask for a new one: agent invite";
}

/** The time of day on the clock on the wall. */
function timeOf(wall: number): string {
  const at = new Date(wall);
  return [at.getHours(), at.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
}
