// Tests every method for every role, over TCP with a certificate, over TCP with a token, and over
// the Unix socket.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { DescMethod } from "@bufbuild/protobuf";
import { SnapshotService } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { ServerReflection } from "../../gen/ts/grpc/reflection/v1/reflection_pb.js";
import { roles, type Role } from "../../src/model/access.js";
import { roleTable } from "../../src/transport/auth/role-table.js";
import { startScene, type AccessScene } from "./callers.js";
import { firstAnswer, listServices, openCaller, type Caller } from "./one-call.js";
import { methods, openMethods, services, shortName } from "./served-methods.js";

/**
 * Maps each method to the roles that may call it, by first letters. This list is independent of the
 * daemon's table.
 */
const expected: Readonly<Record<string, string>> = {
  "SnapshotService/Create": "wo",
  "SnapshotService/CreateFromDirectory": "o",
  "SnapshotService/CreateDeltaFromDirectory": "o",
  "SnapshotService/List": "rwo",
  "SnapshotService/Inspect": "rwo",
  "SnapshotService/Update": "o",
  "SnapshotService/Delete": "wo",
  "SnapshotService/Restore": "rwo",
  "SnapshotService/Export": "rwo",
  "SnapshotService/ReadFile": "rwo",
  "SnapshotService/ExportToDirectory": "o",
  "SnapshotService/CloneToDirectory": "o",
  "SnapshotService/TakeToDirectory": "o",
  "SnapshotService/Import": "wo",
  "SnapshotService/ImportFromDirectory": "o",
  "SnapshotService/OpenDataDirectory": "rwo",
  "SnapshotService/Verify": "rwo",
  "SnapshotService/Watch": "rwo",
  "GcService/CollectGarbage": "o",
  "GcService/BeginGc": "o",
  "GcService/ListGcReferences": "o",
  "GcService/ListGcCandidates": "o",
  "GcService/CollectGc": "o",
  "GcService/RenewGc": "o",
  "GcService/EndGc": "o",
  "ReplicationService/Pull": "o",
  "ReplicationService/Push": "o",
  "ReplicationService/ListTransfers": "o",
  "ReplicationService/CancelTransfer": "o",
  "ReplicationService/GetManifest": "po",
  "ReplicationService/ReadTable": "po",
  "ReplicationService/ReadBlocks": "po",
  "RemoteService/ListRemotes": "o",
  "RemoteService/ListRemoteSnapshots": "o",
  "RemoteService/CheckRemote": "o",
  "RemoteService/DeleteRemoteSnapshots": "o",
  "RemoteService/CollectRemoteGarbage": "o",
  "RemoteService/VerifyRemote": "o",
  "SystemService/GetInfo": "rwop",
  "SystemService/Check": "o",
  "SystemService/Repair": "o",
};

const isAllowed = (method: DescMethod, role: Role): boolean =>
  (expected[shortName(method)] ?? "").includes(role.charAt(0));

test("every method has a row in the daemon's table and in this test", () => {
  const full = ({ parent, name }: DescMethod) => `${parent.typeName}/${name}`;
  assert.deepEqual(Object.keys(roleTable).sort(), [...methods, ...openMethods].map(full).sort());
  // If this fails, add the missing method and its roles above.
  assert.deepEqual(Object.keys(expected).sort(), methods.map(shortName).sort());
});

test("this test covers exactly the served methods", async (t) => {
  const scene = await startScene(t);
  const client = openCaller({ address: scene.address });
  t.after(() => client.close());
  const names = services.map(({ typeName }) => typeName);
  assert.deepEqual([...(await listServices(client))].sort(), names.sort());
});

async function checkMatrix(t: TestContext, role: Role, caller: Caller): Promise<void> {
  const client = openCaller(caller);
  t.after(() => client.close());
  for (const method of methods) {
    const answer = await firstAnswer(client, method, caller.token);
    const what = `${role} ${method.name}: ${answer}`;
    if (isAllowed(method, role)) {
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

/** With this option, no caller may use a directory of the node, whatever its role. */
const flags = { "allowed-directories": ["/nonexistent"] };

const withAuthority = ({ tcpAddress: address, authority }: AccessScene) => ({
  address,
  tls: { ca: authority.cert },
});

for (const role of roles) {
  test(`${role}: a certificate over TCP may call exactly the methods in the table`, async (t) => {
    const scene = await startScene(t, { identities, flags });
    const { cert, key } = await scene.authority.issue("client", { names: `DNS:${role}.example` });
    const { tcpAddress: address } = scene;
    await checkMatrix(t, role, { address, tls: { ca: scene.authority.cert, cert, key } });
  });

  test(`${role}: a token over TCP and over the Unix socket may call exactly the methods in the table`, async (t) => {
    const scene = await startScene(t, { flags });
    const token = scene.newToken({ name: `t-${role}`, role, namePrefix: "" });
    await checkMatrix(t, role, { ...withAuthority(scene), token });
    await checkMatrix(t, role, { address: scene.address, token });
  });

  if (role === "peer") continue;
  test(`${role}: the Unix socket itself may call exactly the methods in the table`, async (t) => {
    const scene = await startScene(t, { flags: { "socket-role": role } });
    await checkMatrix(t, role, { address: scene.address });
  });
}

test("without credentials only health and reflection are answered over TCP", async (t) => {
  const scene = await startScene(t);
  const client = openCaller(withAuthority(scene));
  t.after(() => client.close());
  for (const method of methods) {
    assert.equal(await firstAnswer(client, method), "CREDENTIALS_INVALID", method.name);
  }
  for (const method of openMethods)
    assert.equal(await firstAnswer(client, method), "OK", method.name);
});

test("a caller cannot choose its connection with a header", async (t) => {
  const scene = await startScene(t);
  const list = SnapshotService.method.list;
  const unix = openCaller({ address: scene.address });
  const tcp = openCaller(withAuthority(scene));
  t.after(() => [unix, tcp].forEach((client) => client.close()));
  for (const value of ["", "0", "unix", "undefined"]) {
    const headers = { "stasis-connection": value };
    assert.equal(await firstAnswer(unix, list, undefined, headers), "OK", value);
    assert.equal(await firstAnswer(tcp, list, undefined, headers), "CREDENTIALS_INVALID", value);
  }
});

test("reflection is off if the configuration disables it", async (t) => {
  const scene = await startScene(t, { flags: { reflection: "off" } });
  const client = openCaller(withAuthority(scene));
  t.after(() => client.close());
  const [method] = ServerReflection.methods;
  assert.match(await firstAnswer(client, method as NonNullable<typeof method>), /^code 12/);
});

test("only operators protect the snapshots that they store", async (t) => {
  const scene = await startScene(t);
  const token = scene.newToken({ name: "w", role: "writer", namePrefix: "" });
  const writer = scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  const header = { config: { name: "a" }, protected: true };
  await assert.rejects(writer.create(header, emptyTar()), { reason: "ROLE_INSUFFICIENT" });
  await assert.rejects(writer.import({ protected: true }, emptyTar()), {
    reason: "ROLE_INSUFFICIENT",
  });
});

async function* emptyTar(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1024);
}
