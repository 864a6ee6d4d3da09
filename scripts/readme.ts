// `npm run docs`: writes the table of the daemon's options into README.md.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderOptionsTable } from "../src/config/options-table.js";

const path = fileURLToPath(new URL("../../README.md", import.meta.url));
const before = readFileSync(path, "utf8");
const after = before.replace(
  /(<!-- options: .*? -->\n).*?(<!-- \/options -->)/s,
  (_all, start: string, end: string) => `${start}\n${renderOptionsTable()}\n${end}`,
);
if (after !== before) writeFileSync(path, after);
