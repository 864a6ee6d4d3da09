// Implements operations of the CLI that need no daemon: on a store of stasis or cocoon, and on the
// remotes of a configuration file. They use the types of the API.
import { encodeEnvelope } from "../archive/envelope.js";
import type { CheckOptions, RepairOptions } from "../model/finding.js";
import { readCocoonStore } from "../cocoon/cocoon-store.js";
import { loadDaemonConfig } from "../config/load.js";
import { unobservedRemotes } from "../observe/ports.js";
import { tryRemote, type LitmusOptions } from "../remote/s3/litmus.js";
import { readRemote } from "../remote/s3/remote-bucket.js";
import { litmusToMessage, remotesToMessage } from "../transport/services/remote-service.js";
import { remoteNamed } from "./remotes.js";
import { checkUnserved, repairUnserved } from "../store/offline.js";
import { defaultConfig, storeOptionsOf } from "./configured.js";
import { configToMessage } from "../transport/services/convert.js";
import { checkEventToMessage, repairedToMessage } from "../transport/services/finding-messages.js";

export async function* checkOffline(root: string, options: CheckOptions, signal: AbortSignal) {
  for await (const event of checkUnserved(root, options, signal)) yield checkEventToMessage(event);
}

export async function* repairOffline(root: string, options: RepairOptions, signal: AbortSignal) {
  process.umask(0o077);
  const storeOptions = storeOptionsOf(defaultConfig());
  for await (const repaired of repairUnserved(root, options, signal, storeOptions))
    yield repairedToMessage(repaired);
}

export async function readForeignStore(root: string) {
  const { snapshots, remark } = await readCocoonStore(root);
  const told = snapshots.map(({ config, ...rest }) => ({
    ...rest,
    config: configToMessage(config),
    envelope: encodeEnvelope(config, []),
    unknownKeys: Object.keys(config.unknown.config),
  }));
  return { snapshots: told, remark };
}

/** Returns the remotes of a configuration file, which a daemon may not have read yet. */
export function listConfiguredRemotes(configFile: string) {
  return remotesToMessage(remotesIn(configFile));
}

export async function* checkConfiguredRemote(
  configFile: string,
  name: string,
  options: LitmusOptions,
) {
  const remote = remoteNamed(remotesIn(configFile), name, "remote");
  for await (const event of tryRemote(
    readRemote(remote, process.env),
    unobservedRemotes,
    options,
  )) {
    yield litmusToMessage(event);
  }
}

function remotesIn(configFile: string) {
  return loadDaemonConfig({ configFile }).config.remotes;
}
