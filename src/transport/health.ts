// Implements grpc.health.v1. The service reports whether the daemon serves as a whole (""), whether
// each service does, and whether the daemon can store snapshots.
import { untilWoken } from "../base/async.js";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/ts/grpc/health/v1/health_pb.js";
import { GcService } from "../../gen/ts/stasis/v1/gc_service_pb.js";
import { SnapshotService } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { SystemService } from "../../gen/ts/stasis/v1/system_service_pb.js";
import { describeValue, StoreError, type ErrorReason } from "../base/errors.js";
import { bindService, type ServiceBinding } from "./handler.js";

export interface HealthService {
  readonly binding: ServiceBinding;
  /** Sets whether the daemon serves: true once it has started, false when it drains. */
  setServing(serving: boolean): void;
  /** Sets the problems of the store, which stop some services or all. */
  setProblems(problems: readonly HealthProblem[]): void;
}

/** A problem of the store. */
export interface HealthProblem {
  readonly error: { readonly reason: ErrorReason };
  readonly stopsReads: boolean;
}

/**
 * The name of a service that exists for health only. Its status says whether snapshots can be
 * stored.
 */
const writesName = `${SnapshotService.typeName}/writes`;

/** The HTTP/2 path of Check. */
export const healthCheckPath = `/${Health.typeName}/${Health.method.check.name}`;

/** Returns whether the problem stops the service, as the table of system_service.proto says. */
function isStopped(service: string, { error, stopsReads }: HealthProblem): boolean {
  if (stopsReads) return service !== SystemService.typeName;
  if (service === writesName) return true;
  // A collection frees space, so a full disk does not stop GcService.
  return service === GcService.typeName && error.reason !== "STORAGE_FULL";
}

/** Creates the service, whose status begins as NOT_SERVING. */
export function createHealth(serviceNames: readonly string[]): HealthService {
  const known = new Set(["", ...serviceNames, writesName]);
  const watchers = new Set<() => void>();
  let serving = false;
  let problems: readonly HealthProblem[] = [];
  const statusOf = (service: string): ServingStatus =>
    serving && !problems.some((problem) => isStopped(service, problem))
      ? ServingStatus.SERVING
      : ServingStatus.NOT_SERVING;
  const wakeAll = (): void => {
    for (const wake of [...watchers]) wake();
  };

  const binding = bindService(
    Health,
    {
      check: ({ service }) =>
        known.has(service)
          ? Promise.resolve({ status: statusOf(service) })
          : Promise.reject(unknownService(service)),
      list: () =>
        Promise.resolve({
          statuses: Object.fromEntries(
            [...known].map((service) => [service, { status: statusOf(service) }]),
          ),
        }),
      async *watch({ service }, { signal }) {
        // The protocol of Watch requires a message, not an error, for an unknown service.
        if (!known.has(service)) yield { status: ServingStatus.SERVICE_UNKNOWN };
        let sent: ServingStatus | undefined;
        for (;;) {
          if (known.has(service) && statusOf(service) !== sent) {
            sent = statusOf(service);
            yield { status: sent };
          } else {
            await untilWoken(watchers, signal);
          }
        }
      },
    },
    { endsOnDrain: ["watch"], servesWhileDraining: ["check", "list"] },
  );
  return {
    binding,
    setServing(now) {
      serving = now;
      wakeAll();
    },
    setProblems(now) {
      problems = now;
      wakeAll();
    },
  };
}

function unknownService(service: string): StoreError {
  // health.proto requires NOT_FOUND, for which stasis.v1 has no reason about a service.
  return new StoreError("UNRECOGNIZED", `service: nothing is served as ${describeValue(service)}`, {
    code: "NOT_FOUND",
    hint: "Health.List names the services; the empty name means the whole daemon",
  });
}
