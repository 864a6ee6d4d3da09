// Runs the README's own lines with grpcurl and `buf curl`, unchanged except for the socket's path.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startScene } from "../access/callers.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { connect } from "../../src/client/index.js";

const checkout = fileURLToPath(new URL("../../..", import.meta.url));
const readme = readFileSync(join(checkout, "README.md"), "utf8");
const readmeSocket = "/var/lib/stasis/stasis.sock";

// In CI grpcurl must be installed, so a missing program is a failure there.
const noGrpcurl =
  process.env["CI"] !== "true" && spawnSync("grpcurl", ["-version"]).error !== undefined
    ? "there is no grpcurl in the PATH"
    : false;

/** Maps each command to a part of its output. */
const printed: Readonly<Record<string, RegExp>> = {
  " list": /^stasis\.v1\.SnapshotService$/m,
  " describe stasis.v1.SnapshotService.Create":
    /^rpc Create \( stream \.stasis\.v1\.CreateRequest/m,
  " stasis.v1.SnapshotService/List": /"name": "nightly"[^]*"totalSize": "1"/,
  'grpcurl -plaintext -unix -d \'{"ref": "nightly"}\' SOCKET stasis.v1.SnapshotService/Inspect':
    /"name": "nightly"/,
  " stasis.v1.SnapshotService/Restore": /"header":[^]*"chunk":[^]*"trailer":/,
  " stasis.v1.SnapshotService/Create": /"name": "by-hand"/,
  "npx buf curl": /"name":\s*"nightly"/,
};

/**
 * Returns the commands in the fenced blocks that call the API without the CLI: each line with
 * grpcurl or buf, or a whole script.
 */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n([^]*?)^```$/gm)].map(([, block = ""]) =>
    block.trim(),
  );
  return blocks
    .filter((block) => /\bgrpcurl |\bbuf curl /.test(block))
    .flatMap((block) => (/^(grpcurl|npx buf curl) /.test(block) ? block.split("\n") : [block]));
}

/** Runs a script. The command npx finds the tools only from the checkout. */
async function shell(script: string, scratch: string): Promise<string> {
  const cwd = script.startsWith("npx ") ? checkout : scratch;
  const argv = ["-euo", "pipefail", "-c", script];
  const { stdout } = await promisify(execFile)("bash", argv, { cwd, timeout: 60_000 });
  return stdout;
}

test("the README's lines that need no CLI", { skip: noGrpcurl }, async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  for (const directory of ["DIR", "vm"]) {
    await mkdir(join(scratch, directory));
    await writeFile(join(scratch, directory, "config.json"), "{}");
    await writeFile(join(scratch, directory, "state.json"), '{"vcpus": 2}');
  }
  await using client = connect(address);
  await client.createFromDirectory({
    directory: join(scratch, "vm"),
    config: { name: "nightly" },
  });
  const commands = commandsOf(readme);
  assert.equal(commands.length, Object.keys(printed).length);
  for (const command of commands) {
    const keyed = command.replaceAll(readmeSocket, "SOCKET");
    const [key = "", expected = /$^/] =
      Object.entries(printed).find(([part]) => keyed.includes(part)) ?? [];
    assert.notEqual(key, "", `this test does not know what comes of: ${command}`);
    assert.notEqual(keyed, command, `not called at ${readmeSocket}: ${command}`);
    await t.test(command, async () => {
      const socket = address.slice("unix:".length);
      assert.match(await shell(command.replaceAll(readmeSocket, socket), scratch), expected);
    });
  }
  const { snapshot } = await client.inspect("by-hand");
  assert.deepEqual(
    snapshot?.files.map(({ name }) => name),
    ["config.json", "state.json"],
  );
});

test("the README's call of grpcurl with TLS and a token works", { skip: noGrpcurl }, async (t) => {
  const scene = await startScene(t);
  const scratch = await makeScratch(t, "stasis-grpcurl-");
  const [, line = assert.fail("not in README")] =
    /`(grpcurl -cacert FILE [^`]*) …`/.exec(readme) ?? [];
  const identity = { name: "ci", role: "reader", namePrefix: "", expiresAt: undefined } as const;
  await writeFile(join(scratch, "TOKENFILE"), `${scene.newToken(identity)}\n`);
  const call = `${line} ${scene.tcpAddress} stasis.v1.SystemService/GetInfo`;
  const script = call.replace("FILE", scene.authority.cert);
  assert.match(await shell(script, scratch), /"storeType": "localfile"/);
  await writeFile(join(scratch, "TOKENFILE"), "no token\n");
  await assert.rejects(shell(script, scratch), /CREDENTIALS_INVALID|Unauthenticated/);
});
