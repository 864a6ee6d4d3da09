// Tests the access log, which has one line for each call: the caller, the call, the bytes, the
// seconds and the code. docs/metrics.md describes the levels.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pino, type Level } from "pino";
import { collect, makeSmallSource, packDirectory } from "../store/contents.js";
import { startScene } from "../access/callers.js";
import { startTestDaemon } from "../support/daemon.js";
import { connect } from "../../src/client/index.js";
import { createAccessLog, type AccessLogChoice } from "../../src/transport/access-log.js";
import { ruleOf } from "../../src/transport/auth/role-table.js";
import { StoreError } from "../../src/base/errors.js";

interface Line {
  readonly access?: boolean;
  readonly level?: number;
  readonly [key: string]: unknown;
}

function watchedLogger(level: Level) {
  const lines: Line[] = [];
  const logger = pino(
    { base: null, level },
    { write: (text) => void lines.push(JSON.parse(text) as Line) },
  );
  // A starting daemon tests its hooks with a health check, which does not count here.
  const calls = (): Line[] =>
    lines.filter(({ access, method }) => access === true && !String(method).startsWith("grpc."));
  return { logger, calls };
}

const snapshots = "stasis.v1.SnapshotService";

test("the access log records the caller, the call, the snapshot, the amount of data and the outcome", async (t) => {
  const { logger, calls } = watchedLogger("debug");
  const scene = await startScene(t, { logger });
  const token = scene.newToken({ name: "anna", role: "writer", namePrefix: "" });
  const anna = scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  const tar = await collect(packDirectory(await makeSmallSource(join(scene.scratch, "source"))));
  await anna.create(
    { config: { name: "one" } },
    (async function* () {
      yield tar;
    })(),
  );
  const restored = await collect((await anna.restore("one")).bytes);
  await assert.rejects(anna.inspect("two"));
  await assert.rejects(scene.client(scene.tcpAddress, { tls: scene.tls() }).list());
  const [create, restore, inspect, list] = calls();
  assert.equal(calls().length, 4);
  const byAnna = { who: "anna", role: "writer" };
  assert.deepEqual(
    [create, restore, inspect, list].map((line) => ({
      ...{ who: line?.["who"], role: line?.["role"], method: line?.["method"] },
      ...{ ref: line?.["ref"], code: line?.["code"], reason: line?.["reason"] },
    })),
    [
      { ...byAnna, method: `${snapshots}/Create`, ref: "one", code: "OK", reason: undefined },
      { ...byAnna, method: `${snapshots}/Restore`, ref: "one", code: "OK", reason: undefined },
      {
        ...{ ...byAnna, method: `${snapshots}/Inspect`, ref: "two" },
        ...{ code: "NOT_FOUND", reason: "SNAPSHOT_NOT_FOUND" },
      },
      {
        ...{ who: "", role: "", method: `${snapshots}/List`, ref: undefined },
        ...{ code: "UNAUTHENTICATED", reason: "CREDENTIALS_INVALID" },
      },
    ],
  );
  assert.ok(Number(create?.["receivedBytes"]) >= tar.length);
  assert.ok(Number(restore?.["sentBytes"]) >= restored.length);
  assert.ok(Number(create?.["seconds"]) > 0);
  assert.match(String(create?.["peer"]), /^127\.0\.0\.1:\d+$/);
});

async function levelsOf(t: TestContext, choice: AccessLogChoice): Promise<string[]> {
  const { logger, calls } = watchedLogger("info");
  const node = await startTestDaemon(t, { "access-log": choice }, { logger });
  const client = connect(node.address);
  t.after(() => client.close());
  await client.list();
  await assert.rejects(client.inspect("none"));
  await client.collectGarbage();
  return calls().map(({ method }) => String(method).split("/")[1] ?? "");
}

test("the log contains changes and failures, or all calls, or no calls", async (t) => {
  assert.deepEqual(await levelsOf(t, "changes"), ["Inspect", "CollectGarbage"]);
  assert.deepEqual(await levelsOf(t, "all"), ["List", "Inspect", "CollectGarbage"]);
  assert.deepEqual(await levelsOf(t, "off"), []);
});

test("many failures do not fill the disk, and the log reports how many lines are missing", () => {
  const { logger, calls } = watchedLogger("info");
  const log = createAccessLog(logger, "changes");
  const method = `${snapshots}/Inspect`;
  const failure = new StoreError("SNAPSHOT_NOT_FOUND", "no such snapshot");
  const ended = { receivedBytes: 1, sentBytes: 1, seconds: 0.001, failure, traceId: "" };
  for (let call = 0; call < 5000; call++) {
    const record = log.begin(ruleOf(method), method, "unix");
    record.caller({ name: "anna", role: "reader", namePrefix: "" });
    record.end(ended);
  }
  assert.ok(calls().length >= 20 && calls().length < 500, `${calls().length} lines`);
});
