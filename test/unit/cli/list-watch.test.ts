// Tests `ls --watch` on a terminal and in a pipe, and the colours of a list.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect } from "../../../src/client/index.js";
import { makeSmallSource, packDirectory } from "../../store/contents.js";
import { startTestDaemon } from "../../support/daemon.js";
import { eventually } from "../../support/eventually.js";
import { runStasis, startOnTerminal, startStasis } from "./run-stasis.js";

async function startScene(t: TestContext) {
  const { address, scratch } = await startTestDaemon(t);
  const client = connect(address);
  t.after(() => client.close());
  const source = await makeSmallSource(join(scratch, "source"));
  const create = (name: string, isProtected = false) =>
    client.create({ config: { name }, protected: isProtected }, packDirectory(source));
  return { address, create };
}

function follow(t: TestContext, child: ChildProcess) {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  t.after(() => child.kill("SIGKILL"));
  return { text: () => text, exited };
}

test("on a terminal the list is redrawn, and the earlier screen returns at the end", async (t) => {
  const { address, create } = await startScene(t);
  await create("first");
  const child = startOnTerminal(["--addr", address, "ls", "--watch"]);
  const { text, exited } = follow(t, child);
  await eventually("the list", () => text().includes("first"));
  await create("second");
  await eventually("the new snapshot", () => text().includes("second"));
  assert.ok(text().includes("\x1b[?1049h"));
  child.stdin?.write("\x03");
  assert.equal(await exited, 0);
  assert.ok(text().trimEnd().endsWith("\x1b[?1049l"), JSON.stringify(text().slice(-40)));
});

test("in a pipe each change is one line", async (t) => {
  const { address, create } = await startScene(t);
  await create("first");
  const child = startStasis(["--addr", address, "ls", "--watch"]);
  const { text, exited } = follow(t, child);
  await eventually("the list", () => text().includes("first"));
  await create("second");
  await eventually("the change", () => / created +\S+ +second\n/.test(text()));
  assert.ok(!text().includes("\x1b"));
  child.kill("SIGINT");
  assert.equal(await exited, 0);
});

test("a pipe gets colours only with FORCE_COLOR, and NO_COLOR disables them", async (t) => {
  const { address, create } = await startScene(t);
  await create("first", true);
  const list = async (env: Record<string, string>) =>
    (await runStasis(["--addr", address, "ls"], { env })).stdout;
  assert.ok(!(await list({})).includes("\x1b"));
  assert.ok((await list({ FORCE_COLOR: "1" })).includes("\x1b[33mprotected\x1b[39m"));
  assert.ok(!(await list({ FORCE_COLOR: "0" })).includes("\x1b"));
  const onTerminal = async (env: Record<string, string>) => {
    const child = startOnTerminal(["--addr", address, "ls"], { env });
    const { text, exited } = follow(t, child);
    await exited;
    return text();
  };
  assert.ok((await onTerminal({})).includes("\x1b[33mprotected"));
  assert.ok(!(await onTerminal({ NO_COLOR: "1" })).includes("\x1b"));
});

test("--json cannot be combined with --watch", async (t) => {
  const { address } = await startScene(t);
  const { code, stderr } = await runStasis(["--addr", address, "--json", "ls", "--watch"]);
  assert.equal(code, 2);
  assert.match(stderr, /stasis watch --json/);
});
