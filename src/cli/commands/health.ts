// stasis health: reports whether the daemon serves, and what keeps its store from working.
import type { JsonObject } from "@bufbuild/protobuf";
import type { Command } from "commander";
import { StoreError, isStoreError, type StoreProblem } from "../../client/index.js";
import {
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../gen/ts/grpc/health/v1/health_pb.js";
import { ErrorReason } from "../../../gen/ts/stasis/v1/errors_pb.js";
import { StoreProblemSchema } from "../../../gen/ts/stasis/v1/system_service_pb.js";
import { formatTime } from "../format.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";

export function addHealthCommand(program: Command): void {
  program
    .command("health")
    .summary("tell whether the daemon serves")
    .description(
      "Asks grpc.health.v1, and GetInfo for what keeps the store from working. Exit code 0 if it serves, 6 if it\n" +
        "does not. A store that is full or read-only serves reads: stasis.v1.SnapshotService/writes tells\n" +
        "whether anything can be stored.",
    )
    .argument("[service]", "one service, for example stasis.v1.SnapshotService/writes")
    .action(async (service: string | undefined, _options: unknown, command: Command) => {
      await withSession(command.optsWithGlobals<GlobalOptions>(), async (session) => {
        const answer = await session.client.checkHealth({ service: service ?? "" }, session.call);
        const problems = await problemsOf(session);
        const status = ServingStatus[answer.status];
        await session.answer(
          () => ({
            ...(messageJson(HealthCheckResponseSchema, answer) as JsonObject),
            ...(problems.length > 0 && {
              problems: problems.map((problem) => messageJson(StoreProblemSchema, problem)),
            }),
          }),
          () => [status, ...problems.map(problemText)].map((line) => `${line}\n`).join(""),
        );
        if (answer.status !== ServingStatus.SERVING) throw notServing(service, status, problems);
      });
    });
}

/**
 * Callers that may only ask for health get no reasons. Nobody gets them while the daemon drains.
 */
async function problemsOf({ client, call }: Session): Promise<readonly StoreProblem[]> {
  try {
    return (await client.getInfo(call)).problems;
  } catch (error) {
    if (isStoreError(error)) return [];
    throw error;
  }
}

function notServing(
  service: string | undefined,
  status: string | undefined,
  problems: readonly StoreProblem[],
): StoreError {
  const isGone = problems.some(({ reason }) => reason === ErrorReason.ROOT_UNAVAILABLE);
  const what = service === undefined ? "the daemon does not serve" : `${service} does not serve`;
  return new StoreError(isGone ? "ROOT_UNAVAILABLE" : "DRAINING", `${what}: ${status ?? "?"}`);
}

/** Formats a problem as one line. */
export function problemText({ reason, message, since }: StoreProblem): string {
  const name = ErrorReason[reason] ?? "unknown";
  const told = message === "" ? "" : `: ${message}`;
  return `${name} since ${formatTime(since)}${told}`;
}
