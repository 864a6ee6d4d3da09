// Contract: grpc-js reports the cause of a failed connection in texts of this form.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import { createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { readFailure } from "../../../../src/client/grpc-hooks/failure-text.js";
import { withScratchDir } from "../../../support/scratch.js";
import { method } from "../../transport/grpc-hooks/scene.js";

async function portOf(t: TestContext, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Makes a call that fails, and returns the text of its status. */
async function failureAt(t: TestContext, target: string): Promise<string> {
  const client = new Client(target, credentials.createInsecure());
  t.after(() => client.close());
  const { path, requestSerialize, responseDeserialize } = method;
  const error = await new Promise<ServiceError | null>((resolve) =>
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0), resolve),
  );
  assert.ok(error !== null, "the call fails");
  return error.details;
}

test("the system error is found within the text around it", (t) =>
  withScratchDir(async (directory) => {
    const missing = join(directory, "no-socket");
    assert.deepEqual(readFailure(await failureAt(t, `unix:${missing}`)), {
      kind: "refused",
      text: `connect ENOENT ${missing}`,
    });
  }));

test("a server that closes each connection is distinguished from a server that speaks HTTP/1", async (t) => {
  const closing = createServer((socket) => socket.on("error", () => undefined).destroy());
  const closed = readFailure(await failureAt(t, await portOf(t, closing)));
  assert.equal(closed.kind, "ended", closed.text);
  const other = readFailure(await failureAt(t, await portOf(t, createHttp())));
  assert.equal(other.kind, "notHttp2", other.text);
});

test("a connection that ends during a call is reported as lost", async (t) => {
  const server = createHttp2();
  server.on("session", (session) => session.on("error", () => undefined));
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.session?.destroy();
  });
  const lost = readFailure(await failureAt(t, await portOf(t, server)));
  assert.equal(lost.kind, "lost", lost.text);
});
