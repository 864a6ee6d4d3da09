// Assembles the daemon from the store, the services and the listeners.
import { buildInfo } from "../base/build-info.js";
import { createCleanup } from "../base/cleanup.js";
import { groupId } from "../base/group-id.js";
import { systemClock, type Clock } from "../base/clock.js";
import { isLoopbackHost } from "../base/host-port.js";
import { createLogger, type Logger } from "../base/logger.js";
import type { RecentLog } from "../base/recent-log.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import { openStore, type OpenStoreOptions } from "../store/store.js";
import type { SnapshotStore } from "../store/snapshot-store.js";
import type { Metrics, MetricsPage } from "../observe/metrics.js";
import type { Access } from "../transport/auth/access.js";
import { openTlsFiles } from "../transport/auth/tls-files.js";
import { createGrpcServer, type GrpcServer } from "../transport/server.js";
import { bindSnapshotService } from "../transport/services/snapshot-service.js";
import type { ServiceBinding } from "../transport/handler.js";
import { openAccess } from "./access.js";
import { openAdmin } from "./admin.js";
import { startCollections } from "./collections.js";
import { serverLimitsOf, storeOptionsOf } from "./configured.js";
import { startScrubs } from "./scrubs.js";
import { bindGcService } from "../transport/services/gc-service.js";
import { bindSystemService } from "../transport/services/system-service.js";
import type { Pushes } from "../replication/pushes.js";
import type { Replicator } from "../replication/replicator.js";
import { bindRemoteService, type ServedRemotes } from "../transport/services/remote-service.js";
import { bindReplicationService } from "../transport/services/replication-service.js";
import { createReload, type Reloaded } from "./reload.js";
import { readDescriptorSet } from "./descriptor-set.js";
import { createTidying } from "./memory.js";
import { attachMetrics, openMetrics } from "./metrics.js";
import { openTracing } from "./tracing.js";
import { peerUserOf } from "../transport/grpc-hooks/peer-user.js";
import { openReplication } from "./replication.js";
import { warnOfUntrustedFiles } from "./trusted-files.js";

interface StartOptions {
  readonly config: DaemonConfig;
  readonly logger?: Logger;
  /** The lines that `logger` keeps, for support bundles. Without it, a bundle has no log. */
  readonly recentLog?: RecentLog;
  readonly clock?: Clock;
}

export interface Daemon extends AsyncDisposable {
  readonly store: SnapshotStore;
  /** The addresses that the daemon listens on: `HOST:PORT` with the real port, then `unix:PATH`. */
  readonly addresses: readonly string[];
  /** The state and the counters of the daemon, for Prometheus. */
  readonly metrics: MetricsPage;
  /**
   * The address of the admin listener, `HOST:PORT` or `unix:PATH`. Undefined if the listener is
   * switched off.
   */
  readonly adminAddress: string | undefined;
  /** Reads certificates, tokens and tables again. Running calls continue. See reload.ts. */
  reload(): Reloaded;
  /**
   * Refuses new calls, lets running calls finish within the grace period, then closes everything.
   */
  stop(): Promise<void>;
}

/** Opens and recovers the store, and then listens. */
export async function startDaemon(options: StartOptions): Promise<Daemon> {
  const { config, clock = systemClock, recentLog } = options;
  const logger = options.logger ?? createLogger(config.logLevel);
  await using cleanup = createCleanup();
  const { access, steps } = openAccess(config, clock, logger);
  const tls = openTls(config, logger);
  cleanup.defer(() => tls?.[Symbol.dispose]());
  const admin = openAdmin(config, { access, tls, recentLog }, logger);
  cleanup.defer(admin.close);
  cleanup.defer(await openTracing(config, logger));
  const metrics = openMetrics();
  cleanup.defer(() => metrics[Symbol.dispose]());
  const watched = { logger, clock, observer: metrics.work, onRecovery: admin.listenEarly };
  const store = await openConfiguredStore(config, watched);
  cleanup.defer(async () => store[Symbol.asyncDispose]());
  // The admin listener closes after all other listeners, so that probes see the drain.
  cleanup.defer(admin.close);
  const schedules = startSchedules(store, config, { clock, logger });
  for (const schedule of schedules) cleanup.defer(async () => schedule[Symbol.asyncDispose]());
  const { pulls: pullObserver, remotes, remoteWork, autoPushes } = metrics;
  const observers = { pulls: pullObserver, remotes, remoteWork, autoPushes };
  const replication = await openReplication(store, config, { clock, logger, ...observers });
  cleanup.defer(async () => replication[Symbol.asyncDispose]());
  let listening = "";
  const advertised = (): string => (config.advertise === "" ? listening : config.advertise);
  const bindings = bindServices(config, { ...replication, store, advertised }, clock);
  const server = createServer(config, { store, access, bindings, metrics }, logger);
  cleanup.defer(() => server.close());
  warnOfOpenDoor(config, logger);
  warnOfUntrustedFiles(config, logger);
  await server.tryHooks();
  const { tcp, unix } = await listen(config, { server, store, tls });
  const adminAddress = await store.withBallast(admin.listen);
  const { activeCalls } = server;
  const pulls = () => replication.replicator.pulls();
  cleanup.defer(admin.serve({ store, bindings, metrics: metrics.page, activeCalls, pulls }));
  listening = tcp?.address ?? "";
  store.condition.follow(server.setProblems);
  server.setServing(true);
  attachMetrics(metrics, { ...replication, store, server, config });
  const close = cleanup.release();
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    // The schedules end while calls are still running.
    for (const schedule of schedules) schedule.end();
    admin.startDrain();
    return (stopping ??= server.drain({ graceMs: config.drainGraceMs }).then(close));
  };
  const addresses = [tcp, unix].flatMap((listener) => listener?.address ?? []);
  const certificates = tls && { what: "certificates", reload: () => tls.reload() };
  const parts = [certificates ?? [], steps, replication.steps].flat();
  const reload = createReload(config, parts, logger);
  const listeners = { addresses, adminAddress, metrics: metrics.page };
  return { store, ...listeners, reload, stop, [Symbol.asyncDispose]: stop };
}

function startSchedules(
  store: SnapshotStore,
  config: DaemonConfig,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
) {
  return [
    startCollections(store, config, logger),
    startScrubs(store, config, { clock, logger }),
  ].filter((schedule) => schedule !== undefined);
}

async function openConfiguredStore(
  config: DaemonConfig,
  parts: Pick<OpenStoreOptions, "logger" | "clock" | "observer" | "onRecovery">,
): Promise<SnapshotStore> {
  const { dataGroup: group } = config;
  const dataGroup = group === "" ? undefined : await groupId(group, "data_group");
  return openStore({ root: config.root, dataGroup, ...parts, options: storeOptionsOf(config) });
}

async function listen(
  config: DaemonConfig,
  {
    server,
    store,
    tls,
  }: { server: GrpcServer; store: SnapshotStore; tls: ReturnType<typeof openTls> },
) {
  const tcp = config.listen && (await server.listenTcp({ ...config.listen, ...(tls && { tls }) }));
  const file = { mode: config.socketMode, group: config.socketGroup };
  const { socket } = config;
  // The socket's file needs an inode, and a full disk may not have one.
  const unix =
    socket === undefined
      ? undefined
      : await store.withBallast(() => server.listenUnix(socket, file));
  return { tcp, unix };
}

/** Returns the services for gRPC and for the admin listener. */
function bindServices(
  config: DaemonConfig,
  parts: {
    readonly store: SnapshotStore;
    readonly replicator: Replicator;
    readonly pushes: Pushes;
    readonly remotes: ServedRemotes;
    readonly advertised: () => string;
  },
  clock: Clock,
): readonly ServiceBinding[] {
  const { store, remotes, advertised } = parts;
  const { chunkBytes, maxMessageBytes, maxStreams, maxConnections } = config;
  const facts = {
    ...buildInfo(),
    startedAt: clock.now(),
    maxMessageBytes,
    chunkBytes,
    maxStreams,
    maxConnections,
    scrubIntervalMs: config.scrubIntervalMs,
  };
  const ownUid = process.geteuid?.();
  const policy = { allowedDirectories: config.allowedDirectories, ownUid };
  return [
    bindSnapshotService(store, { chunkBytes, policy }),
    bindSystemService(store, facts),
    bindGcService(store),
    bindReplicationService(store, parts, advertised, policy),
    bindRemoteService(remotes),
  ];
}

function createServer(
  config: DaemonConfig,
  parts: {
    readonly store: SnapshotStore;
    readonly access: Access;
    readonly bindings: readonly ServiceBinding[];
    readonly metrics: Metrics;
  },
  logger: Logger,
): GrpcServer {
  const { store, access, bindings, metrics } = parts;
  return createGrpcServer({
    implementations: bindings,
    ...(hasReflection(config) ? { descriptorSet: readDescriptorSet() } : {}),
    access,
    peerUser: peerUserOf,
    privateRoot: store.layout.root,
    logger,
    observer: metrics.calls,
    accessLog: config.accessLog,
    onBurstOver: createTidying(),
    limits: serverLimitsOf(config),
  });
}

function openTls({ serverCert, serverKey, clientCa }: DaemonConfig, logger: Logger) {
  if (serverCert === undefined || serverKey === undefined) return undefined;
  const paths = { certificate: serverCert, key: serverKey, clientAuthority: clientCa };
  return openTlsFiles(paths, logger);
}

function warnOfOpenDoor(config: DaemonConfig, logger: Logger): void {
  const { listen, unauthenticatedTcp, serverCert, socket, socketMode, socketRole } = config;
  if (socket !== undefined && (socketMode & 0o002) !== 0) {
    logger.warn(
      { socket, role: socketRole },
      "every user of this machine may call over the socket",
    );
  }
  if (listen === undefined) return;
  const local = isLoopbackHost(listen.host);
  if (unauthenticatedTcp !== "none") {
    const who = local ? "every user of this machine" : "everybody who reaches this address";
    logger.warn({ listen }, `${who} may read, replace and delete all snapshots`);
  } else if (!local && serverCert === undefined) {
    logger.warn({ listen }, "without TLS everybody on the way can take tokens and data");
  }
}

function hasReflection({ reflection, listen }: DaemonConfig): boolean {
  if (reflection !== "auto") return reflection === "on";
  return listen === undefined || isLoopbackHost(listen.host);
}
