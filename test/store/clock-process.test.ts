// Tests the real program while its wall clock is set at run time, and while the program is stopped.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "../../src/client/index.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { makeScratch } from "../support/daemon.js";
import { eventually } from "../support/eventually.js";
import { cannotFakeTime, fakeWallClock } from "../support/faketime.js";
import { collect, makeSmallSource, packDirectory, streamOf } from "./contents.js";

const daySeconds = 24 * 3600;
const offsets = [daySeconds, -daySeconds, 365 * daySeconds, -365 * daySeconds];

test(
  "a clock that is set by a day or a year, either way, collects nothing",
  { skip: cannotFakeTime },
  async (t) => {
    const scratch = await makeScratch(t, "stasis-clock-");
    const root = join(scratch, "root");
    const wall = await fakeWallClock(join(scratch, "wall"));
    const tar = await collect(packDirectory(await makeSmallSource(join(scratch, "source"))));
    const flags = { "gc-interval": "100ms", "gc-max-age": "1h", "access-flush": "100ms" };
    for (const [index, offset] of offsets.entries()) {
      await using daemon = await startDaemonProcess(root, flags, wall.env);
      const client = connect(daemon.address);
      t.after(() => client.close());
      const names = async (): Promise<string[]> =>
        (await client.list()).snapshots.map(({ config }) => config?.name ?? "");
      const suspect = async (): Promise<boolean> =>
        (await client.getInfo()).clock?.suspect === true;
      await client.create({ config: { name: `n${index}` } }, streamOf(tar));
      const stored = await names();
      assert.equal(stored.length, index + 1);
      assert.equal(stored[0], `n${index}`);
      await wall.set(offset);
      await eventually("the alarm", suspect);
      await pause(1000);
      assert.deepEqual(await names(), stored);
      assert.match(daemon.output(), /the wall clock is (1 day|365 days) (ahead of|behind)/);
      daemon.signal("SIGTERM");
      await daemon.exited;
      // The daemon starts with the wrong clock, which is corrected while the daemon runs.
      await using again = await startDaemonProcess(root, flags, wall.env);
      const late = connect(again.address);
      t.after(() => late.close());
      await pause(1000);
      assert.equal((await late.list()).totalSize, BigInt(index + 1));
      assert.equal((await late.getInfo()).clock?.suspect, true);
      await wall.set(0);
      await eventually("trust", async () => (await late.getInfo()).clock?.suspect === false);
    }
  },
);
