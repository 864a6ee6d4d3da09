// grpc.health.v1: whether the daemon serves, as a whole ("") and by service.
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/ts/grpc/health/v1/health_pb.js";
import { describeValue, StoreError } from "../base/errors.js";
import { bindService, type ServiceBinding } from "./handler.js";

export interface HealthService {
  readonly binding: ServiceBinding;
  setServing(serving: boolean): void;
}

/** All services serve or none does; the daemon has no parts that fail alone. Starts NOT_SERVING. */
export function createHealth(serviceNames: readonly string[]): HealthService {
  const known = new Set(["", ...serviceNames]);
  const watchers = new Set<() => void>();
  let status = ServingStatus.NOT_SERVING;

  const binding = bindService(
    Health,
    {
      check: ({ service }) =>
        known.has(service) ? Promise.resolve({ status }) : Promise.reject(unknownService(service)),
      list: () =>
        Promise.resolve({
          statuses: Object.fromEntries([...known].map((service) => [service, { status }])),
        }),
      async *watch({ service }, { signal }) {
        // The protocol of Watch wants a message and not an error for a service that is unknown.
        if (!known.has(service)) yield { status: ServingStatus.SERVICE_UNKNOWN };
        let sent: ServingStatus | undefined;
        for (;;) {
          if (known.has(service) && status !== sent) {
            sent = status;
            yield { status: sent };
          } else {
            await nextChange(watchers, signal);
          }
        }
      },
    },
    { endsOnDrain: ["watch"], servesWhileDraining: ["check", "list"] },
  );
  return {
    binding,
    setServing(serving) {
      status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      for (const wake of [...watchers]) wake();
    },
  };
}

function nextChange(watchers: Set<() => void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => () => {
      watchers.delete(wake);
      signal.removeEventListener("abort", fail);
      then();
    };
    const wake = settle(resolve);
    const fail = settle(() => reject(signal.reason as Error));
    watchers.add(wake);
    signal.addEventListener("abort", fail, { once: true });
  });
}

function unknownService(service: string): StoreError {
  // health.proto asks for NOT_FOUND, which no reason of stasis.v1 has for a service.
  return new StoreError("UNRECOGNIZED", `service: nothing is served as ${describeValue(service)}`, {
    code: "NOT_FOUND",
    hint: "Health.List names the services; the empty name means the whole daemon",
  });
}
