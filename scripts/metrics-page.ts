// `npm run fix`: writes the table of metrics into docs/metrics.md.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderMetricsTable } from "../src/observe/metrics-table.js";

const path = fileURLToPath(new URL("../../docs/metrics.md", import.meta.url));
const before = readFileSync(path, "utf8");
const after = before.replace(
  /(<!-- metrics: .*? -->\n).*?(<!-- \/metrics -->)/s,
  (_all, start: string, end: string) => `${start}\n${renderMetricsTable()}\n\n${end}`,
);
if (after !== before) writeFileSync(path, after);
