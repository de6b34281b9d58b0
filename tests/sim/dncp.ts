/**
 * The machine that the simulator is for.
 *
 * @module
 */
import { Dncp } from "../../lib/dncp/mod.ts";
import type { MachineFactory } from "./machine.ts";

export const dncp: MachineFactory = (options) => new Dncp(options);
