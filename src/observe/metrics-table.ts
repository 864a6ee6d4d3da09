// Renders the table of all metrics, for docs/metrics.md.
import { createMetrics } from "./metrics.js";

/** Returns a Markdown table, sorted by name, without a newline at its end. */
export function renderMetricsTable(): string {
  using metrics = createMetrics();
  const rows = [...metrics.described]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels, help }) => {
      return `| \`${name}\` | ${type} | ${labels.join(", ")} | ${help} |`;
    });
  return ["| metric | type | labels | meaning |", "|---|---|---|---|", ...rows].join("\n");
}
