/**
 * What vectors of networkzero are made of.
 *
 * @module
 */
import type { Json } from "../../lib/nearby/machines.ts";

/** The fields of all groups; a vector has those of its own. */
export interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly error?: string;
  readonly json: Json;
  readonly exact: boolean;
  readonly value: Json;
  readonly address: string;
  readonly ttl: number | null;
  readonly length: number;
  readonly fits: boolean;
  readonly expect: string;
  readonly receivedAt: number;
  readonly gone: readonly number[];
  readonly request?: [action: string, ...params: Json[]];
  readonly requestHex: string;
  readonly reply: Json;
  readonly replyHex: string;
  readonly sleep?: number;
  readonly ip: string;
  readonly port?: string;
  readonly dynamicPort?: boolean;
  readonly input: string;
  readonly action: string;
  readonly params: string[];
  readonly bytesHex: string;
  readonly text: string;
  readonly group: string;
  readonly separator?: string;
  readonly exclude?: readonly string[];
  readonly messages: string[][];
  readonly parts: string[];
  readonly headers: readonly string[] | null;
  readonly totalLength: number;
  readonly peerMinor: number;
  readonly operations: readonly { op: string; topicHex: string; sent: string }[];
  readonly handshakeHex: string;
  readonly handshakeAccepted: boolean;
  readonly trafficHex: string;
  readonly received: readonly unknown[] | null;
  readonly serverSendsAfterHandshake: string;
  readonly closed: boolean;
  readonly ping: string;
  readonly pong: string;
  readonly client: string;
  readonly exchanges: readonly { message: Json; reply: Json }[];
  readonly clientToServer: string;
  readonly serverToClient: string;
  readonly prefixes: readonly string[];
  readonly news: readonly [string, Json][];
  readonly raw: boolean;
  /** Of `expiry`: times; of `discoverGroup`: services. */
  readonly known: readonly unknown[];
  /** Of `splitAddress`, `ipPattern`, `discoverGroup`. */
  readonly result: unknown;
}

/** One test a vector of a group that is a list. */
export function each(group: string, check: (vector: Vector) => void): (vectors: Vector[]) => void {
  return (vectors) => {
    for (const [i, vector] of vectors.entries()) {
      const name = vector.name ?? JSON.stringify(vector.input ?? vector.text ?? i);
      Deno.test(`networkzero: ${group}: ${String(name).slice(0, 60)}, ${i}`, () => check(vector));
    }
  };
}
