// Tests the commands pull, push and transfers.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { makeSmallSource } from "../store/contents.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { checkContent, createOn, startNode } from "./nodes.js";

test("pull and push print the new id, and transfers prints a table", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeSmallSource(join(from.scratch, "source"));
  await createOn(from, source, "web");
  const stasis = (...args: string[]) => runStasis(["--addr", to.address, ...args]);
  const pulled = await stasis("pull", from.address, "web", "--as", "copy");
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.match(pulled.stdout, /^[0-9a-z]{16}\n$/);
  assert.match(pulled.stderr, /changed, .* travelled/);
  await checkContent(to, "copy", source);
  const pushed = await stasis("push", from.address, "copy", "--as", "back", "--json");
  assert.equal(pushed.code, 0, pushed.stderr);
  const { snapshot } = JSON.parse(pushed.stdout) as { snapshot: { config: { name: string } } };
  assert.equal(snapshot.config.name, "back");
  await checkContent(from, "back", source);
  const empty = await stasis("transfers");
  assert.match(empty.stdout, /^ID +DIRECTION +STATE +BEGUN +PEER +REF$/m);
  const nothing = await stasis("pull", from.address, "nobody");
  assert.notEqual(nothing.code, 0);
  assert.match(nothing.stderr, /no snapshot matches/);
});
