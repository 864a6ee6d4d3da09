// Runs the admin listener of this daemon. It opens before recovery and serves the store's parts
// once the store is ready.
import { isStoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { RecentLog } from "../base/recent-log.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { createApi } from "../admin/api.js";
import { openUsageHistory } from "../admin/usage-history.js";
import { createLocalCalls } from "../transport/local-call.js";
import type { ServiceBinding } from "../transport/handler.js";
import { createAdminServer } from "../admin/admin-server.js";
import { loadAssets } from "../admin/assets.js";
import { createRoutes, type Routes } from "../admin/routes.js";
import type { PullState } from "../observe/figures.js";
import type { MetricsPage } from "../observe/metrics.js";
import type { SnapshotStore } from "../store/snapshot-store.js";
import type { Access } from "../transport/auth/access.js";
import { createConceal } from "../transport/auth/conceal.js";
import type { TlsFiles } from "../transport/auth/tls-files.js";
import { peerUserOf } from "../transport/grpc-hooks/peer-user.js";
import { supportParts } from "./support.js";

interface Admin {
  /**
   * Tries to listen. If the disk has no room for the socket's file, this returns without an error,
   * and the caller calls `listen` later.
   */
  listenEarly(): Promise<void>;
  /**
   * Opens the listener unless it is already open, and returns its address. Returns undefined if the
   * listener is switched off.
   */
  listen(): Promise<string | undefined>;
  /**
   * Serves the parts of the store. Call this when the store has recovered. The returned function
   * ends the work that runs for the page.
   */
  serve(parts: AdminParts): () => void;
  startDrain(): void;
  close(): Promise<void>;
}

interface AdminParts {
  readonly store: SnapshotStore;
  readonly bindings: readonly ServiceBinding[];
  readonly metrics: MetricsPage;
  /** Returns the number of running calls over gRPC. */
  readonly activeCalls: () => number;
  /** Returns the running pulls, and the newest ones that have ended. */
  readonly pulls: () => readonly PullState[];
}

export function openAdmin(
  config: DaemonConfig,
  {
    access,
    tls,
    recentLog,
  }: {
    readonly access: Access;
    readonly tls: TlsFiles | undefined;
    readonly recentLog: RecentLog | undefined;
  },
  logger: Logger,
): Admin {
  let parts: (AdminParts & { readonly api: Routes }) | undefined;
  const conceal = createConceal(config.root);
  const routes = createRoutes({
    assets: loadAssets(),
    problems: () => parts?.store.condition.problems(),
    api: () => parts?.api,
    metrics: () => parts?.metrics,
  });
  const server = createAdminServer({ access, peerUser: peerUserOf, conceal, routes, logger });
  let address: string | undefined;
  const listen = async (): Promise<string | undefined> => {
    const { adminListen: where, socketMode: mode, socketGroup: group } = config;
    if (where === undefined || address !== undefined) return address;
    const listener =
      where.kind === "unix"
        ? await server.listenUnix(where.path, { mode, group })
        : await server.listenTcp(where, tls);
    ({ address } = listener);
    return address;
  };
  return {
    listen,
    async listenEarly() {
      try {
        await listen();
      } catch (error) {
        if (!isStoreError(error, "STORAGE_FULL")) throw error;
      }
    },
    serve(served) {
      const { store, bindings, activeCalls, pulls } = served;
      const history = openUsageHistory(store);
      const calls = createLocalCalls(bindings, conceal, logger);
      const support = supportParts(config, recentLog, process.env);
      parts = { ...served, api: createApi({ store, calls, history, activeCalls, pulls, support }) };
      server.setPhase("serving");
      return () => history[Symbol.dispose]();
    },
    startDrain: () => server.setPhase("draining"),
    close: () => server.close(),
  };
}
