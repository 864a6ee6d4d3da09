// `npm run fix`: writes the tables of the daemon's options, peers and remotes into README.md.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  renderOptionsTable,
  renderPeersTable,
  renderRemotesTable,
} from "../src/config/options-table.js";

const path = fileURLToPath(new URL("../../README.md", import.meta.url));
const before = readFileSync(path, "utf8");
const tables = {
  options: renderOptionsTable(),
  peers: renderPeersTable(),
  remotes: renderRemotesTable(),
};
let after = before;
for (const [name, table] of Object.entries(tables)) {
  after = after.replace(
    new RegExp(`(<!-- ${name}: .*? -->\\n).*?(<!-- /${name} -->)`, "s"),
    (_all, start: string, end: string) => `${start}\n${table}\n${end}`,
  );
}
if (after !== before) writeFileSync(path, after);
