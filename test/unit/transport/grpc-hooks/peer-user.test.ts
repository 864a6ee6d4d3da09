// Contract: the descriptor of an accepted socket can be found, and the kernel knows its peer.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { peerUserOf } from "../../../../src/transport/grpc-hooks/peer-user.js";
import { withScratchDir } from "../../../support/scratch.js";

test("the user at the other end of a Unix socket is found, and is unknown for a closed socket", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "socket");
    const server = createServer().listen(path);
    await once(server, "listening");
    try {
      const client = connect(path);
      const [accepted] = (await once(server, "connection")) as [Socket];
      assert.equal(peerUserOf(accepted), process.geteuid?.());
      client.destroy();
      accepted.destroy();
      await once(accepted, "close");
      assert.equal(peerUserOf(accepted), undefined);
    } finally {
      server.close();
    }
  }));
