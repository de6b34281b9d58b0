/**
 * On what the benches ran: without it their figures mean little.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { parseFields } from "./proc.ts";
import { perCall } from "./rounds.ts";

/** One line: processor, cores, kernel, runtime, load, and how fast it hashes at this moment. */
export function describeMachine(): string {
  const cpuinfo = readOr("/proc/cpuinfo", "");
  const model = /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1] ?? Deno.build.arch;
  const load = Deno.loadavg()[0] as number;
  const memory = parseFields(readOr("/proc/meminfo", "")).get("MemTotal");
  return [
    `${model}, ${navigator.hardwareConcurrency} cores`,
    ...(memory === undefined ? [] : [`${Math.round(memory / 1e6)} GB`]),
    `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
    `Deno ${Deno.version.deno}`,
    `load ${load.toFixed(1)} at the start`,
    `SHA-256 ${Math.round(hashSpeed())} MB/s`,
    new Date().toISOString().slice(0, 10),
  ].join(" · ");
}

/** Free memory in GB (10^9 bytes). */
export function availableMemory(): number {
  return (parseFields(readOr("/proc/meminfo", "")).get("MemAvailable") ?? Infinity) * 1024 / 1e9;
}

function hashSpeed(): number {
  const bytes = new Uint8Array(65_536);
  const once = perCall(() => void sha256(bytes), 50);
  return bytes.length / once() / 1e3;
}

function readOr(path: string, otherwise: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // Not Linux, or a container that hides it.
    return otherwise;
  }
}
