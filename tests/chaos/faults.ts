/**
 * Carries a schedule out: processes, cables, bridges, disks, clocks and keys.
 *
 * @module
 */
import { until } from "../e2e/harness.ts";
import type { Field } from "./field.ts";
import type { Journal } from "./journal.ts";
import { describe, type Fault, type Plan, ROUTERS } from "./plan.ts";
import type { Station } from "./station.ts";

/** What faults strike. */
export interface Target {
  readonly field: Field;
  readonly journal: Journal;
  readonly stations: ReadonlyMap<string, Station>;
  /** Old and new key, as they stand in configs. */
  readonly keys: readonly [old: string, fresh: string];
  /** All nodes have both keys. */
  readonly onBothKeys: () => void;
}

/** Resolves when all faults of the schedule are over, and all nodes have the new key. */
export async function strike({ faults, rotations }: Plan, target: Target): Promise<void> {
  const from = performance.now();
  const at = (ms: number) => pause(from + ms - performance.now());
  await Promise.all([
    ...faults.map(async (fault) => {
      await at(fault.at);
      target.journal.note(describe(fault));
      await carryOut(fault, target, at);
    }),
    rotate(rotations, target, at),
  ]);
}

async function carryOut(
  fault: Fault,
  { field, stations }: Target,
  at: (ms: number) => Promise<void>,
): Promise<void> {
  const station = "node" in fault ? stations.get(fault.node) as Station : undefined;
  switch (fault.kind) {
    case "kill":
      await station!.kill();
      await at(fault.end);
      return await station!.start();
    case "stutter": {
      await station!.kill();
      await at(fault.end);
      const started = station!.start();
      await pause(fault.early);
      await station!.kill();
      await started;
      return await station!.start();
    }
    case "stop":
      station!.stop();
      await at(fault.end);
      return station!.goOn();
    case "link": {
      const change = (up: boolean) =>
        fault.how === "down"
          ? field.link(fault.node, fault.bridge, up)
          : field.carrier([fault.node], fault.bridge, up);
      await change(false);
      await at(fault.end);
      return await change(true);
    }
    case "split":
      await field.split(fault.away, fault.bridge, true);
      await at(fault.end);
      return await field.split(fault.away, fault.bridge, false);
    case "apart":
      await field.carrier(ROUTERS, fault.bridge, false);
      await at(fault.end);
      return await field.carrier(ROUTERS, fault.bridge, true);
    case "full":
      return await fullDisk(fault, station!, field, at);
    case "clock":
      return await station!.jump(fault.by);
  }
}

async function fullDisk(
  { node, killAt, end }: Fault & { kind: "full" },
  station: Station,
  field: Field,
  at: (ms: number) => Promise<void>,
): Promise<void> {
  station.full = true;
  field.fill(node);
  let started: Promise<void> | undefined;
  if (killAt !== undefined) {
    await at(killAt);
    await station.kill();
    started = station.start();
  }
  await at(end);
  field.free(node);
  station.full = false;
  await started;
}

/** Nobody loses the old key before all have both. */
async function rotate(
  rotations: Plan["rotations"],
  { stations, keys: [old, fresh], journal, onBothKeys }: Target,
  at: (ms: number) => Promise<void>,
): Promise<void> {
  for (const step of [1, 2] as const) {
    const keys = step === 1 ? [fresh, old] : [fresh];
    await Promise.all(
      rotations.filter((rotation) => rotation.step === step).map(async (rotation) => {
        await at(rotation.at);
        journal.note(`keys of ${rotation.node}: ${keys.join(", ")}`);
        await stations.get(rotation.node)!.rotate(keys);
      }),
    );
    journal.note(step === 1 ? "all have both keys" : "all have the new key alone");
    if (step === 1) onBothKeys();
  }
}

/** Resolves after so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

/** All of a list run. */
export async function allRun(stations: Iterable<Station>): Promise<void> {
  for (const station of stations) {
    await until(`${station.name} runs`, () => station.agent !== undefined && !station.stopped);
  }
}
