// Tests which headers `npm run setup` uses to build native packages.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withScratch } from "../catalog/support.js";

const script = new URL("../../../../scripts/node-headers.mjs", import.meta.url);
const { chooseHeaders } = (await import(script.href)) as {
  chooseHeaders(
    setting: string | undefined,
    own: string,
  ): { readonly flag: readonly string[]; readonly from: string };
};

const abi = Number(process.versions.modules);

test("a nodedir with headers of another Node is not used", async () => {
  await withScratch((directory) => {
    const other = prefixWithAbi(join(directory, "other"), abi + 1);
    const without = join(directory, "without");
    const own = prefixWithAbi(join(directory, "own"), abi);
    assert.deepEqual(chooseHeaders(other, own), { flag: [`--nodedir=${own}`], from: own });
    assert.deepEqual(chooseHeaders(other, without), { flag: ["--nodedir="], from: "nodejs.org" });
    assert.deepEqual(chooseHeaders(without, without), { flag: ["--nodedir="], from: "nodejs.org" });
  });
});

test("a nodedir that fits is used, and without one the headers of this Node are used", async () => {
  await withScratch((directory) => {
    const set = prefixWithAbi(join(directory, "set"), abi);
    const own = prefixWithAbi(join(directory, "own"), abi);
    const without = join(directory, "without");
    assert.deepEqual(chooseHeaders(set, own), { flag: [], from: set });
    assert.deepEqual(chooseHeaders(undefined, own).flag, [`--nodedir=${own}`]);
    assert.deepEqual(chooseHeaders(undefined, without).flag, []);
  });
});

function prefixWithAbi(prefix: string, version: number): string {
  const headers = join(prefix, "include", "node");
  mkdirSync(headers, { recursive: true });
  writeFileSync(join(headers, "node.h"), "");
  writeFileSync(join(headers, "node_version.h"), `#define NODE_MODULE_VERSION ${version}\n`);
  return prefix;
}
