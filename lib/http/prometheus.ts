/**
 * Prometheus text format 0.0.4.
 *
 * @module
 */
import type { Metric, MetricSample } from "./api.ts";

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** All families, HELP and TYPE once and before the samples of each. */
export function renderMetrics(metrics: readonly Metric[]): string {
  return metrics.map(({ name, help, type, samples }) =>
    `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n` +
    `# TYPE ${name} ${type}\n` +
    samples.map((sample) => `${name}${labelsOf(sample)} ${numberOf(sample.value)}\n`).join("")
  ).join("");
}

function labelsOf({ labels }: MetricSample): string {
  const pairs = Object.entries(labels ?? {}).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function numberOf(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
