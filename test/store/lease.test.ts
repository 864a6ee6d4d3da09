// Tests that a lease ends with its holder, however the holder ends.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type Client } from "../../src/client/index.js";
import { runModule } from "../support/child.js";
import { changeTokenFile, makeToken } from "../../src/config/token-file.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { makeSmallSource, packDirectory } from "./contents.js";

const reader = { name: "holder", role: "reader", namePrefix: "", expiresAt: undefined } as const;
const holderModule = new URL("./lease-holder.js", import.meta.url);

async function createWeb(client: Client, scratch: string): Promise<string> {
  const source = await makeSmallSource(join(scratch, "source"));
  const { snapshot } = await client.create({ config: { name: "web" } }, packDirectory(source));
  return snapshot?.config?.id ?? "";
}

async function deletedAtLast(client: Client): Promise<readonly string[]> {
  return eventually("the end of the lease", () =>
    client.delete("web").then(
      ({ deletedIds }) => deletedIds,
      () => undefined,
    ),
  );
}

for (const transport of ["tcp", "unix"] as const) {
  test(`a lease over ${transport} ends when its holder is killed`, async (t) => {
    // Over TCP, only callers with a credential may see a path of the node.
    const tokens = join(await makeScratch(t, "stasis-lease-"), "tokens.json");
    const { token, record } = makeToken(reader, new Date());
    changeTokenFile(tokens, () => [record]);
    const daemon = await startTestDaemon(t, { tokens });
    const holding =
      transport === "tcp" ? [daemon.tcpAddress, "web", token] : [daemon.address, "web"];
    await using client = connect(daemon.address);
    const id = await createWeb(client, daemon.scratch);
    await using holder = runModule(holderModule, holding);
    const [, directory] = await holder.line(/^holds (.*)$/);
    assert.equal(directory, join(daemon.root, "data", id, "files"));
    await failsWith(client.delete("web"), "SNAPSHOT_IN_USE");
    await holder.kill();
    assert.deepEqual(await deletedAtLast(client), [id]);
  });
}

test("a lease ends when its call is cancelled", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  await using client = connect(address);
  const id = await createWeb(client, scratch);
  const controller = new AbortController();
  await client.openDataDirectory("web", { signal: controller.signal });
  await failsWith(client.delete("web"), "SNAPSHOT_IN_USE");
  controller.abort();
  assert.deepEqual(await deletedAtLast(client), [id]);
});

test("a daemon that stops ends its leases and reports why", async (t) => {
  const { address, scratch, daemon } = await startTestDaemon(t, { "drain-grace": "1h" });
  await using client = connect(address);
  await createWeb(client, scratch);
  const lease = await client.openDataDirectory("web");
  // The test guards against a bug in which the stop waited the whole grace period for a lease,
  // which never ends by itself.
  await daemon.stop();
  assert.equal((await lease.closed)?.reason, "DRAINING");
  assert.ok(lease.signal.aborted);
});
