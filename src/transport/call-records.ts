// Keeps the records of each call for people: its figures, its line in the audit log, its line in
// the access log, and its span.
import { status as grpcStatus } from "@grpc/grpc-js";
import type { ErrorCode, StoreError } from "../base/errors.js";
import type { Identity } from "../model/access.js";
import type { CallObserver } from "../observe/ports.js";
import { noSpan, serverSpan, type ServerSpan } from "../observe/spans.js";
import type { AccessLog } from "./access-log.js";
import type { AuditLog } from "./auth/audit-log.js";
import type { MethodRule } from "./auth/role-table.js";
import type { CallTraffic } from "./call.js";
import { limitName, type ExceededLimit } from "./semaphore.js";

export interface CallRecord {
  /** The counters to which the call adds the bytes of its messages. */
  readonly traffic: CallTraffic;
  caller(identity: Identity): void;
  /** Begins the span of the call. `header` reads one entry of the call's metadata. */
  trace(header: (name: string) => string | undefined): ServerSpan;
  /**
   * Stores the message from which the log lines take the name of their object: the only request of
   * the call, or the first message of a stream of requests.
   */
  request(message: unknown): void;
  response(message: unknown): void;
  /** Ends the record. Call this once. Without `failure`, the call has succeeded. */
  end(failure?: StoreError): void;
}

export interface CallRecords {
  /** Begins the record of a call. `method` is, for example, `stasis.v1.SnapshotService/Create`. */
  begin(rule: MethodRule, method: string, peer: string): CallRecord;
  /** Records a call that is refused before it begins. */
  refused(
    rule: MethodRule,
    call: { readonly method: string; readonly peer: string },
    identity: Identity | undefined,
    error: StoreError,
  ): void;
  /** Counts a stream that is refused before its call is known. */
  exceeded(limit: ExceededLimit): void;
}

interface CallRecordParts {
  readonly observer: CallObserver;
  readonly audit: AuditLog;
  readonly access: AccessLog;
}

/**
 * Codes that are the daemon's fault according to OpenTelemetry's semantic conventions for RPC
 * servers.
 */
const faults: ReadonlySet<ErrorCode> = new Set([
  ...(["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED"] as const),
  ...(["INTERNAL", "UNAVAILABLE", "DATA_LOSS"] as const),
]);

function endSpan(span: ServerSpan, failure: StoreError | undefined): void {
  const { code, reason } = failure ?? { code: "OK" as const, reason: "" };
  span.end({ code: grpcStatus[code], reason, isFault: code !== "OK" && faults.has(code) });
}

export function createCallRecords({ observer, audit, access }: CallRecordParts): CallRecords {
  const failed = ({ reason, metadata }: StoreError): void => {
    observer.refused(reason, metadata["limit"]);
  };
  return {
    begin(rule, method, peer) {
      const total = observer.totalsOf(method);
      const own = { receivedBytes: 0, sentBytes: 0 };
      const audited = audit.begin(rule, method, peer);
      const accessed = access.begin(rule, method, peer);
      const began = performance.now();
      let span = noSpan();
      total.active += 1;
      return {
        traffic: { own, total },
        caller(identity) {
          audited.caller(identity);
          accessed.caller(identity);
        },
        trace: (header) => (span = serverSpan(method, peer, header)),
        request(message) {
          audited.request(message);
          accessed.request(message);
        },
        response: audited.response,
        end(failure) {
          const seconds = (performance.now() - began) / 1000;
          total.active -= 1;
          observer.ended(method, failure?.code ?? "OK", seconds);
          if (failure !== undefined) failed(failure);
          audited.end(failure?.reason ?? "OK");
          accessed.end({ ...own, seconds, failure, traceId: span.traceId });
          endSpan(span, failure);
        },
      };
    },
    refused(rule, { method, peer }, identity, error) {
      failed(error);
      const audited = audit.begin(rule, method, peer);
      const accessed = access.begin(rule, method, peer);
      if (identity !== undefined) {
        audited.caller(identity);
        accessed.caller(identity);
      }
      audited.end(error.reason);
      accessed.end({ receivedBytes: 0, sentBytes: 0, seconds: 0, failure: error, traceId: "" });
    },
    exceeded: (limit) => observer.refused("TOO_MANY_STREAMS", limitName(limit)),
  };
}
