// Tests the audit log, which has one line for each call that changes data or tries to.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pino } from "pino";
import { boundedLine } from "../../src/base/logger.js";
import { createAuditLog } from "../../src/transport/auth/audit-log.js";
import { ruleOf } from "../../src/transport/auth/role-table.js";
import { collect, makeSmallSource, packDirectory } from "../store/contents.js";
import { eventually } from "../support/eventually.js";
import { startScene } from "./callers.js";

interface Line {
  readonly audit?: boolean;
  readonly [key: string]: unknown;
}

test("each line names the caller, the call, its object and its outcome", async (t) => {
  const lines: Line[] = [];
  const logger = pino(
    { base: null },
    { write: (text) => void lines.push(JSON.parse(text) as Line) },
  );
  const scene = await startScene(t, { logger });
  const as = (name: string, role: "reader" | "operator", namePrefix = "") => {
    const token = scene.newToken({ name, role, namePrefix });
    return scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  };
  const [anna, rudi] = [as("anna", "operator", "a/"), as("rudi", "reader")];
  const tar = await collect(packDirectory(await makeSmallSource(join(scene.scratch, "source"))));
  const bytes = async function* () {
    yield tar;
  };
  const { snapshot } = await anna.create({ config: { name: "a/one" } }, bytes());
  await anna.inspect("a/one");
  await anna.update({ ref: "a/one", protected: true, updateMask: { paths: ["protected"] } });
  await assert.rejects(rudi.delete("a/one"));
  await assert.rejects(scene.client(scene.tcpAddress, { tls: scene.tls() }).delete("a/one"));
  await anna.delete({ refs: ["a/one", "a/none"], allowMissing: true });
  await scene.client(scene.address).collectGarbage();
  const id = snapshot?.config?.id;
  const calls = "stasis.v1.SnapshotService";
  const byAnna = { who: "anna", role: "operator", namePrefix: "a/" };
  const byRudi = { who: "rudi", role: "reader", namePrefix: "" };
  const byNobody = { who: "", role: "", namePrefix: "" };
  const uid = process.getuid?.();
  const bySocket = { who: "unix", role: "operator", namePrefix: "", uid };
  const refs = ["a/one", "a/none"];
  assert.deepEqual(lines.filter(({ audit }) => audit === true).map(shown), [
    { ...byAnna, method: `${calls}/Create`, name: "a/one", id, outcome: "OK" },
    { ...byAnna, method: `${calls}/Update`, ref: "a/one", id, outcome: "OK" },
    { ...byRudi, method: `${calls}/Delete`, outcome: "ROLE_INSUFFICIENT" },
    { ...byNobody, method: `${calls}/Delete`, outcome: "CREDENTIALS_INVALID" },
    { ...byAnna, method: `${calls}/Delete`, refs, deletedIds: [id], outcome: "OK" },
    { ...bySocket, method: "stasis.v1.GcService/CollectGarbage", outcome: "OK" },
  ]);
});

test("a push names its target, and a cancelled transfer its digest", async (t) => {
  const lines: Line[] = [];
  const logger = pino({}, { write: (text) => void lines.push(JSON.parse(text) as Line) });
  const scene = await startScene(t, { logger });
  const socket = scene.client(scene.address);
  const target = "192.0.2.1:7420\nforged";
  await assert.rejects(socket.push({ target, ref: "none" })[Symbol.asyncIterator]().next());
  await socket.cancelTransfer({ digest: "0".repeat(64) }).catch(() => undefined);
  const audited = lines.filter(({ audit }) => audit === true);
  assert.deepEqual(
    audited.map(({ target, digest }) => target ?? digest),
    [target, "0".repeat(64)],
  );
});

test("text from a caller cannot displace the rest of the line", async (t) => {
  const lines: Line[] = [];
  const write = (text: string) => void lines.push(JSON.parse(boundedLine(text)) as Line);
  const scene = await startScene(t, { logger: pino({ base: null }, { write }) });
  const client = scene.client(scene.address);
  const tar = await collect(packDirectory(await makeSmallSource(join(scene.scratch, "source"))));
  const bytes = async function* () {
    yield tar;
  };
  const ids = [];
  for (let n = 0; n < 30; n++) {
    ids.push((await client.create({}, bytes())).snapshot?.config?.id ?? "");
  }
  const noise = ["\u0001", "\u2028", '"', "\u{1f600}"].flatMap((character) =>
    Array.from({ length: 50 }, (_, n) => character.repeat(250) + String(n)),
  );
  await client.delete({ refs: [...noise, ...ids], allowMissing: true });
  const [line] = lines.filter(({ method }) => String(method).endsWith("/Delete"));
  const { who, method, deletedIds, outcome, cut, refsCount } = line ?? {};
  assert.deepEqual(
    { who, method, deletedIds, outcome, cut, refsCount },
    {
      ...{ who: "unix", method: "stasis.v1.SnapshotService/Delete", deletedIds: ids },
      ...{ outcome: "OK", cut: undefined, refsCount: noise.length + ids.length },
    },
  );
});

test("unauthenticated callers cannot fill the log, and are counted", async (t) => {
  const lines: Line[] = [];
  const logger = pino({}, { write: (text) => void lines.push(JSON.parse(text) as Line) });
  const scene = await startScene(t, { logger });
  const nobody = scene.client(scene.tcpAddress, { tls: scene.tls() });
  const audited = () => lines.filter(({ audit }) => audit === true);
  const attempts = 3000;
  const outcomes = [];
  for (let n = 0; n < attempts; n++) outcomes.push(nobody.delete("x").catch(() => undefined));
  await Promise.all(outcomes);
  assert.ok(audited().length < attempts / 2, `${audited().length} lines`);
  await eventually("a second that has lines left", async () => {
    await nobody.delete("x").catch(() => undefined);
    return audited().some(({ leftOut }) => typeof leftOut === "number" && leftOut > 0);
  });
});

test("refused calls of one identity are counted, and few of them are logged", () => {
  const lines: Line[] = [];
  const logger = pino({}, { write: (text) => void lines.push(JSON.parse(text) as Line) });
  const audit = createAuditLog(logger);
  const method = "stasis.v1.SnapshotService/Delete";
  const end = (name: string, outcome: string): void => {
    const record = audit.begin(ruleOf(method), method, "unix");
    record.caller({ name, role: "writer", namePrefix: "" });
    record.end(outcome);
  };
  for (let n = 0; n < 1000; n++) end("bad", "TOO_MANY_STREAMS");
  end("other", "TOO_MANY_STREAMS");
  for (let n = 0; n < 10; n++) end("bad", "OK");
  const of = (name: string, outcome: string) =>
    lines.filter((line) => line["who"] === name && line["outcome"] === outcome).length;
  assert.equal(of("bad", "OK"), 10);
  assert.equal(of("other", "TOO_MANY_STREAMS"), 1);
  assert.ok(of("bad", "TOO_MANY_STREAMS") < 100, `${of("bad", "TOO_MANY_STREAMS")} lines`);
});

/**
 * Checks the peer. Returns the line without the peer, the time, and the fields that are the same in
 * every line.
 */
function shown({ level: _, time: __, audit: ___, msg: ____, peer, ...line }: Line) {
  assert.match(String(peer), /^127\.0\.0\.1:\d+$|^unix$/);
  return line;
}
