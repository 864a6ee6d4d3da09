#!/usr/bin/env node
// Runs the program `stasis`: client commands, and the daemon, whose code is loaded only when the
// daemon runs.
//
// Nothing but the signals is imported statically. All static imports are loaded before any of them
// runs, and a signal may arrive while they load.
import "./base/early-signals.js";

const { buildInfo, describeBuild } = await import("./base/build-info.js");
const { prepareForBulk } = await import("./holes/bulk-memory.js");
const { runCli } = await import("./cli/run.js");

// The gRPC library uses an IP address as TLS server name. Node's warning about that does not
// concern users.
process.noDeprecation = true;
prepareForBulk();
const exitCode = await runCli(process.argv.slice(2), {
  version: describeBuild(buildInfo()),
  serve: async (config) => {
    const { catchSignals } = await import("./daemon/signals.js");
    const signals = catchSignals();
    const { serve } = await import("./daemon/serve.js");
    await serve(config, signals);
  },
  checkOffline: async function* (root, options, signal) {
    const { checkOffline } = await import("./daemon/offline.js");
    yield* checkOffline(root, options, signal);
  },
  repairOffline: async function* (root, options, signal) {
    const { repairOffline } = await import("./daemon/offline.js");
    yield* repairOffline(root, options, signal);
  },
  remotesOffline: {
    list: async (configFile) => {
      const { listConfiguredRemotes } = await import("./daemon/offline.js");
      return listConfiguredRemotes(configFile);
    },
    check: async function* (configFile, name, options) {
      const { checkConfiguredRemote } = await import("./daemon/offline.js");
      yield* checkConfiguredRemote(configFile, name, options);
    },
  },
  readCocoonStore: async (root) => {
    const { readForeignStore } = await import("./daemon/offline.js");
    return await readForeignStore(root);
  },
});
// Something may still be open, such as a stdin that never ends.
process.exit(exitCode);
