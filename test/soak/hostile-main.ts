// Runs the hostile client of `npm run lab -- soak-hostile` in its own process. The client keeps its
// streams open until it is ended. It reopens a refused or reset stream after a second, as RetryInfo
// requests, or at once.
import { constants } from "node:http2";
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

const counts = { opened: 0, open: 0, reset: 0, cutOff: 0 };

async function main(args: readonly string[]): Promise<void> {
  const [address = "", halfOpen = "0", slowReaders = "0", resets = "0", eager = "false"] = args;
  const again: Again =
    eager === "true" ? { closes: true, afterMs: 0 } : { closes: false, afterMs: reopenAfterMs };
  const token = process.env["HOSTILE_TOKEN"] ?? "";
  const total = Number(halfOpen) + Number(slowReaders);
  const sessions = new Map<number, HostileSession>();
  /** Returns the session of a stream. Opens a new one if the session's connection was cut off. */
  const sessionOf = (index: number): HostileSession => {
    const number = Math.floor(index / streamsPerConnection);
    const before = sessions.get(number);
    if (before !== undefined && !before.session.closed && !before.session.destroyed) return before;
    if (before !== undefined) counts.cutOff++;
    const session = openSession(address, token);
    sessions.set(number, session);
    return session;
  };
  for (let index = 0; index < Number(halfOpen); index++) {
    void keepOpen(() => halfOpenUpload(sessionOf(index), index), again);
  }
  for (let index = Number(halfOpen); index < total; index++) {
    void keepOpen(() => slowRestore(sessionOf(index)), again);
  }
  for (let index = 0; index < Number(resets); index++) void keepResetting(address, token);
  process.once("SIGTERM", () => {
    process.stdout.write(
      `${counts.opened} streams opened, ${counts.open} open at the end, ${counts.reset} reset, ${counts.cutOff} connections cut off\n`,
    );
    process.exit(0);
  });
  await pause(3000);
  process.stdout.write(`opened ${counts.opened}, of them ${counts.open} open\n`);
}

/**
 * Opens and resets streams in rounds. Node writes its data between two rounds. Opens a new
 * connection when the last one was cut off.
 */
async function keepResetting(address: string, token: string): Promise<void> {
  for (;;) {
    const { session, open } = openSession(address, token);
    while (!session.destroyed && !session.closed) {
      for (let index = 0; index < 50; index++) {
        open(paths.create).close(constants.NGHTTP2_CANCEL);
        counts.reset++;
      }
      await pause(1);
    }
    counts.cutOff++;
    await pause(reopenAfterMs);
  }
}

type Stream = ReturnType<HostileSession["open"]>;

/** Describes how to reopen a stream that was answered. */
interface Again {
  /**
   * If this is true, the client closes the stream at once instead of waiting for the daemon to
   * close it.
   */
  readonly closes: boolean;
  readonly afterMs: number;
}

async function keepOpen(open: () => Stream, { closes, afterMs }: Again): Promise<void> {
  for (;;) {
    const stream = open();
    if (closes) stream.once("end", () => stream.close(constants.NGHTTP2_NO_ERROR));
    counts.opened++;
    counts.open++;
    await new Promise((resolve) => stream.once("close", resolve));
    counts.open--;
    await pause(afterMs);
  }
}

/** Sends nothing, a header, or a header and the beginning of an archive. */
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

/** Reads at most 1 KiB each half second. */
function slowRestore({ open }: HostileSession): Stream {
  const stream = open(paths.restore);
  stream.end(restoreLarge);
  const timer = setInterval(() => void stream.read(1024), readEveryMs);
  stream.once("close", () => clearInterval(timer));
  return stream;
}

await main(process.argv.slice(2));
