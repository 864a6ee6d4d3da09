// The program run by another user, as `node as-user.js UID ARGS...`. All of it is loaded first: that
// user may not be allowed to read the folder that it is in.
import { runCli } from "../../src/cli/run.js";
import { serve } from "../../src/daemon/daemon.js";
import * as offline from "../../src/daemon/offline.js";

const [uid = "", ...args] = process.argv.slice(2);
await Promise.all([import("../../src/config/load.js"), import("../../src/cli/daemon-flags.js")]);
process.setgroups?.([]);
process.setgid?.(Number(uid));
process.setuid?.(Number(uid));
process.exitCode = await runCli(args, { version: "0.0.0", serve, ...offline });
process.exit();
