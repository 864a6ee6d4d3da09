// Every method for every role, over TCP with a certificate, TCP with a token, and the Unix socket.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { GcService } from "../../gen/ts/stasis/v1/gc_service_pb.js";
import { ReplicationService } from "../../gen/ts/stasis/v1/replication_service_pb.js";
import { SnapshotService } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { SystemService } from "../../gen/ts/stasis/v1/system_service_pb.js";
import { Health } from "../../gen/ts/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/ts/grpc/reflection/v1/reflection_pb.js";
import { roles, type Role } from "../../src/model/access.js";
import { roleTable } from "../../src/transport/auth/role-table.js";
import { startScene, type AccessScene } from "./callers.js";
import { firstAnswer, openCaller, type Caller } from "./one-call.js";

const services = [SnapshotService, GcService, ReplicationService, SystemService];
const methods = services.flatMap((service) => service.methods);
const openMethods = [...Health.methods, ...ServerReflection.methods];

/** What roles may call, by first letters; written down apart from the table that the daemon has. */
const expected: Readonly<Record<string, string>> = {
  Create: "wo",
  CreateFromDirectory: "o",
  List: "rwo",
  Inspect: "rwo",
  Update: "o",
  Delete: "wo",
  Restore: "rwo",
  Export: "rwo",
  ExportToDirectory: "o",
  Import: "wo",
  ImportFromDirectory: "o",
  OpenDataDirectory: "rwo",
  Verify: "rwo",
  Watch: "rwo",
  CollectGarbage: "o",
  BeginGc: "o",
  ListGcReferences: "o",
  ListGcCandidates: "o",
  CollectGc: "o",
  RenewGc: "o",
  EndGc: "o",
  Pull: "o",
  Push: "o",
  ListTransfers: "o",
  CancelTransfer: "o",
  GetManifest: "po",
  ReadBlocks: "po",
  GetInfo: "rwop",
  Check: "o",
  Repair: "o",
};

const isAllowed = (method: string, role: Role): boolean =>
  (expected[method] ?? "").includes(role.charAt(0));

test("the table of roles names every method", () => {
  for (const { parent, name } of [...methods, ...openMethods]) {
    assert.ok(`${parent.typeName}/${name}` in roleTable, name);
  }
  const unexpected = methods.filter(({ name }) => !(name in expected)).map(({ name }) => name);
  assert.deepEqual(unexpected, [], "write down here who may call them");
});

async function checkMatrix(t: TestContext, role: Role, caller: Caller): Promise<void> {
  const client = openCaller(caller);
  t.after(() => client.close());
  for (const method of methods) {
    const answer = await firstAnswer(client, method, caller.token);
    const what = `${role} ${method.name}: ${answer}`;
    if (isAllowed(method.name, role)) {
      assert.doesNotMatch(answer, /ROLE_INSUFFICIENT|CREDENTIALS_INVALID|^code/, what);
    } else {
      assert.equal(answer, "ROLE_INSUFFICIENT", what);
    }
  }
}

const identities = roles
  .map(
    (role) =>
      `[[identities]]\nname = "c-${role}"\nrole = "${role}"\ncertificates = ["DNS:${role}.example"]\n`,
  )
  .join("");

const withAuthority = ({ address, authority }: AccessScene) => ({
  address,
  tls: { ca: authority.cert },
});

for (const role of roles) {
  test(`${role}, by certificate over TCP`, async (t) => {
    const scene = await startScene(t, { identities });
    const { cert, key } = await scene.authority.issue("client", { names: `DNS:${role}.example` });
    const { address } = scene;
    await checkMatrix(t, role, { address, tls: { ca: scene.authority.cert, cert, key } });
  });

  test(`${role}, by token over TCP and over the Unix socket`, async (t) => {
    const scene = await startScene(t);
    const token = scene.newToken({ name: `t-${role}`, role, namePrefix: "" });
    await checkMatrix(t, role, { ...withAuthority(scene), token });
    await checkMatrix(t, role, { address: scene.socketAddress, token });
  });

  if (role === "peer") continue;
  test(`${role}, by the Unix socket itself`, async (t) => {
    const scene = await startScene(t, { flags: { "socket-role": role } });
    await checkMatrix(t, role, { address: scene.socketAddress });
  });
}

test("without credentials over TCP nothing but health and reflection is answered", async (t) => {
  const scene = await startScene(t);
  const client = openCaller(withAuthority(scene));
  t.after(() => client.close());
  for (const method of methods) {
    assert.equal(await firstAnswer(client, method), "CREDENTIALS_INVALID", method.name);
  }
  for (const method of openMethods)
    assert.equal(await firstAnswer(client, method), "OK", method.name);
});

test("no header of a caller decides which connection its call came by", async (t) => {
  const scene = await startScene(t);
  const list = SnapshotService.method.list;
  const unix = openCaller({ address: scene.socketAddress });
  const tcp = openCaller(withAuthority(scene));
  t.after(() => [unix, tcp].forEach((client) => client.close()));
  for (const value of ["", "0", "unix", "undefined"]) {
    const headers = { "stasis-connection": value };
    assert.equal(await firstAnswer(unix, list, undefined, headers), "OK", value);
    assert.equal(await firstAnswer(tcp, list, undefined, headers), "CREDENTIALS_INVALID", value);
  }
});

test("reflection is off where the configuration says so", async (t) => {
  const scene = await startScene(t, { flags: { reflection: "off" } });
  const client = openCaller(withAuthority(scene));
  t.after(() => client.close());
  const [method] = ServerReflection.methods;
  assert.match(await firstAnswer(client, method as NonNullable<typeof method>), /^code 12/);
});

test("only operators protect what they store", async (t) => {
  const scene = await startScene(t);
  const token = scene.newToken({ name: "w", role: "writer", namePrefix: "" });
  const writer = scene.client(scene.address, { tls: scene.tls(), token });
  const header = { config: { name: "a" }, protected: true };
  await assert.rejects(writer.create(header, emptyTar()), { reason: "ROLE_INSUFFICIENT" });
  await assert.rejects(writer.import({ protected: true }, emptyTar()), {
    reason: "ROLE_INSUFFICIENT",
  });
});

async function* emptyTar(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1024);
}
