// Opens the remotes of a daemon from the tables [[remotes]] of its configuration file, which the
// daemon follows, and from the files that the tables name.
import type { Clock } from "../base/clock.js";
import { fieldInvalid } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { reloadTables } from "../config/load.js";
import type { ConfiguredRemote } from "../config/remotes.js";
import type { RemoteObserver } from "../observe/ports.js";
import { noSnapshots } from "../remote/listing.js";
import { openRemoteSession, type KnownSnapshots } from "../remote/session.js";
import { tryRemote } from "../remote/s3/litmus.js";
import { openRemoteBucket, readRemote } from "../remote/s3/remote-bucket.js";
import type { ServedRemotes } from "../transport/services/remote-service.js";
import { followFile } from "./follow-file.js";
import type { ReloadStep } from "./reload.js";

interface OpenRemotes extends Pick<ServedRemotes, "list" | "check" | "open"> {
  readonly steps: readonly ReloadStep[];
}

/**
 * Returns the remotes. Names are looked up and files are read for each use, so that a change
 * applies to the next use.
 */
export function openRemotes(
  { configFile, remotes }: DaemonConfig,
  observer: RemoteObserver,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): OpenRemotes {
  const read = (path: string) => reloadTables(path).remotes;
  const followed =
    configFile === undefined
      ? undefined
      : followFile(configFile, { first: remotes, read, what: "[[remotes]]" }, logger);
  const list = () => followed?.current() ?? remotes;
  const knownOf = rememberSnapshots();
  return {
    list,
    open: (name, field) => {
      const remote = readRemote(remoteNamed(list(), name, field), process.env);
      const bucket = openRemoteBucket(remote, observer);
      const known = knownOf(remote.remote);
      return openRemoteSession({ bucket, clock, secret: remote.secret, known });
    },
    check: (name, field, options) =>
      tryRemote(readRemote(remoteNamed(list(), name, field), process.env), observer, options),
    steps: followed === undefined ? [] : [followed],
  };
}

/** Returns a function that keeps what earlier calls have read of each remote. */
function rememberSnapshots(): (remote: ConfiguredRemote) => KnownSnapshots {
  const byName = new Map<string, { readonly place: string; readonly known: KnownSnapshots }>();
  return ({ name, endpoint, bucket, prefix }) => {
    const place = [endpoint, bucket, prefix].join(" ");
    const last = byName.get(name);
    if (last?.place === place) return last.known;
    const known = { listing: noSnapshots };
    byName.set(name, { place, known });
    return known;
  };
}

/** Returns the remote with this name. Throws FIELD_INVALID if there is no such remote. */
export function remoteNamed(
  remotes: readonly ConfiguredRemote[],
  name: string,
  field: string,
): ConfiguredRemote {
  const found = remotes.find((remote) => remote.name === name);
  if (found !== undefined) return found;
  const names = remotes.map((remote) => remote.name).sort();
  const expected = names.length === 0 ? "a remote" : `one of the remotes ${names.join(", ")}`;
  const hint = "Remotes are in [[remotes]] of the configuration file";
  throw fieldInvalid(field, expected, name, names.length === 0 ? `${hint}, which has none` : hint);
}
