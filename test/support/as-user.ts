// The program run by another user, as `node as-user.js UID ARGS...`. All of it is loaded first:
// that user may not be allowed to read the folder that it is in.
import { runCli } from "../../src/cli/run.js";
import * as offline from "../../src/daemon/offline.js";
import { serve } from "../../src/daemon/serve.js";
import { catchSignals } from "../../src/daemon/signals.js";

const [uid = "", ...args] = process.argv.slice(2);
await Promise.all([import("../../src/config/load.js"), import("../../src/cli/daemon-flags.js")]);
process.setgroups?.([]);
process.setgid?.(Number(uid));
process.setuid?.(Number(uid));
const parts = {
  version: "0.0.0",
  serve: (config: Parameters<typeof serve>[0]) => serve(config, catchSignals()),
  ...offline,
};
process.exitCode = await runCli(args, parts);
process.exit();
