// Tests that the first call of a server uses every hook, so that a hook that does not attach is
// logged at the start.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { pino } from "pino";
import { createGrpcServer } from "../../../../src/transport/server.js";
import { makeScratch } from "../../../support/daemon.js";
import { serverDefaults } from "../../../support/defaults.js";

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly hook?: string;
}

async function linesOfFirstCall(): Promise<readonly Line[]> {
  const lines: Line[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  await using server = createGrpcServer({ ...serverDefaults, implementations: [], logger });
  await server.tryHooks();
  return lines;
}

test("all hooks attach to the versions that stasis is tested with", async () => {
  assert.deepEqual(await linesOfFirstCall(), []);
});

test("a hook that does not attach is logged before the first call", async (t) => {
  const scratch = await makeScratch(t, "stasis-hooks-");
  const prototype = await handlePrototype(join(scratch, "s"));
  const { readStop } = prototype;
  prototype.readStop = undefined;
  let lines;
  try {
    lines = await linesOfFirstCall();
  } finally {
    prototype.readStop = readStop;
  }
  assert.deepEqual(
    lines.filter(({ hook }) => hook !== undefined).map(({ level, hook }) => [level, hook]),
    [[40, "socket-reading"]],
  );
});

/** Returns the prototype from which the Unix sockets of this process inherit `readStop`. */
async function handlePrototype(path: string): Promise<{ readStop?: unknown }> {
  const server = createServer((socket) => socket.end());
  server.listen(path);
  await once(server, "listening");
  const socket = connect(path);
  await once(socket, "connect");
  const { _handle: handle } = socket as unknown as { _handle: object };
  let owner = handle as { readStop?: unknown };
  while (!Object.hasOwn(owner, "readStop")) owner = Object.getPrototypeOf(owner) as typeof owner;
  socket.destroy();
  server.close();
  return owner;
}
