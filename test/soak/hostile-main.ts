// The bad client of `npm run soak:hostile`, a process of its own: keeps its streams open until it is
// ended; one that was refused or cut off is opened anew a second later.
import { setTimeout as pause } from "node:timers/promises";
import { SnapshotService } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import {
  framed,
  frames,
  openSession,
  paths,
  type HostileSession,
} from "../hostile/hostile-clients.js";

const streamsPerConnection = 100;
const reopenAfterMs = 1000;
const readEveryMs = 500;

const counts = { opened: 0, ended: 0, open: 0 };

async function main([address = "", halfOpen = "0", slowReaders = "0"]: readonly string[]) {
  const token = process.env["HOSTILE_TOKEN"] ?? "";
  const total = Number(halfOpen) + Number(slowReaders);
  const sessions = Array.from({ length: Math.ceil(total / streamsPerConnection) }, () =>
    openSession(address, token),
  );
  const sessionOf = (index: number): HostileSession => {
    const session = sessions[Math.floor(index / streamsPerConnection)];
    if (session === undefined) throw new Error("no session");
    return session;
  };
  for (let index = 0; index < Number(halfOpen); index++) {
    void keepOpen(() => halfOpenUpload(sessionOf(index), index));
  }
  for (let index = Number(halfOpen); index < total; index++) {
    void keepOpen(() => slowRestore(sessionOf(index)));
  }
  process.once("SIGTERM", () => {
    process.stdout.write(`${counts.opened} streams opened, ${counts.open} open at the end\n`);
    process.exit(0);
  });
  await pause(3000);
  process.stdout.write(`opened ${counts.opened}, of them ${counts.open} open\n`);
}

type Stream = ReturnType<HostileSession["open"]>;

async function keepOpen(open: () => Stream): Promise<void> {
  for (;;) {
    const stream = open();
    counts.opened++;
    counts.open++;
    await new Promise((resolve) => stream.once("close", resolve));
    counts.open--;
    await pause(reopenAfterMs);
  }
}

/** Nothing, a header, or a header and the beginning of an archive. */
function halfOpenUpload({ open }: HostileSession, index: number): Stream {
  const stream = open(paths.create);
  if (index % 3 > 0) stream.write(frames.header);
  if (index % 3 > 1) stream.write(archiveStart);
  return stream.resume();
}

const { create, restore } = SnapshotService.method;
const archiveStart = framed(create.input, {
  frame: { case: "chunk", value: Buffer.alloc(100, "a") },
});
const restoreLarge = framed(restore.input, { ref: "large" });

/** A little each half second. */
function slowRestore({ open }: HostileSession): Stream {
  const stream = open(paths.restore);
  stream.end(restoreLarge);
  const timer = setInterval(() => void stream.read(1024), readEveryMs);
  stream.once("close", () => clearInterval(timer));
  return stream;
}

await main(process.argv.slice(2));
