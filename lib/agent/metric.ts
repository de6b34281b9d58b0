/**
 * How figures become metric families.
 *
 * @module
 */
import type { Metric } from "../http/api.ts";

/** `fooBar` → `foo_bar`. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A family of one value without labels. */
export function single(name: string, help: string, type: Metric["type"], value: number): Metric {
  return { name, help, type, samples: [{ value }] };
}
