// Implements `stasis health`, which reports what the daemon serves, and the problems that keep its
// store from working.
import type { Command } from "commander";
import { StoreError, isStoreError, type StoreProblem } from "../../client/index.js";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../../gen/ts/grpc/health/v1/health_pb.js";
import { ErrorReason } from "../../../gen/ts/stasis/v1/errors_pb.js";
import { StoreProblemSchema } from "../../../gen/ts/stasis/v1/system_service_pb.js";
import { CliError } from "../exit-codes.js";
import { red } from "../color.js";
import { count, formatTime } from "../format.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";
import { renderTable } from "../table.js";

export function addHealthCommand(program: Command): void {
  program
    .command("health")
    .summary("tell what the daemon serves, and what it does not")
    .description(
      "Prints the state of every service by grpc.health.v1, and by GetInfo what keeps the store from working. " +
        "Exit code 0 if all of them serve, or the one that is named, 6 if any does not.\n\n" +
        "`stasis.v1.SnapshotService/writes` tells whether snapshots can be stored: it does not serve while " +
        "the store is full or read-only, although the other services do, and so does the daemon as a " +
        "whole, whose name is empty. A probe that restarts the daemon should name stasis.v1.SystemService: " +
        "a restart frees no space.",
    )
    .argument("[service]", 'one service; "" is the daemon as a whole')
    .action(async (service: string | undefined, _options: unknown, command: Command) => {
      await withSession(command.optsWithGlobals<GlobalOptions>(), (session) =>
        reportHealth(session, service),
      );
    });
}

async function reportHealth(session: Session, service: string | undefined): Promise<void> {
  const { client, call } = session;
  const statuses = await statusesOf(session, service);
  const { status } =
    service === undefined ? await client.checkHealth({}, call) : { status: statuses[0]?.[1] };
  const { problems, damaged } = await stateOf(session);
  await session.answer(
    () => ({
      status: nameOf(status),
      ...(service === undefined && {
        services: Object.fromEntries(statuses.map(([name, each]) => [name, nameOf(each)])),
      }),
      ...(problems.length > 0 && {
        problems: problems.map((problem) => messageJson(StoreProblemSchema, problem)),
      }),
      ...(damaged > 0 && { damagedSnapshots: damaged }),
    }),
    () => render(statuses, problems, service) + damagedText(damaged),
  );
  const stopped = statuses.filter(([, each]) => each !== ServingStatus.SERVING);
  if (stopped.length > 0) throw notServing(stopped, problems);
}

type Statuses = readonly (readonly [service: string, status: ServingStatus])[];

/**
 * Returns the states of the services in the order of their names. The daemon as a whole comes
 * first. With `service`, returns only the state of that service.
 */
async function statusesOf(
  { client, call }: Session,
  service: string | undefined,
): Promise<Statuses> {
  if (service !== undefined) {
    return [[service, (await client.checkHealth({ service }, call)).status]];
  }
  const { statuses } = await client.listHealth(call);
  return Object.entries(statuses)
    .map(([name, { status }]) => [name, status] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function render(
  statuses: Statuses,
  problems: readonly StoreProblem[],
  service: string | undefined,
): string {
  const told = problems.map((problem) => `${problemText(problem)}\n`).join("");
  if (service !== undefined) return `${nameOf(statuses[0]?.[1])}\n${told}`;
  const rows = statuses.map(([name, status]) => [nameOf(status), shownName(name)]);
  return renderTable(["STATE", "SERVICE"], rows) + told;
}

function shownName(service: string): string {
  return service === "" ? "the daemon as a whole" : service;
}

function nameOf(status: ServingStatus | undefined): string {
  return ServingStatus[status ?? ServingStatus.UNKNOWN] ?? "UNKNOWN";
}

/**
 * Returns the reasons for the health. Callers that may only ask for health get no reasons, and no
 * caller gets any while the daemon drains.
 */
async function stateOf({ client, call }: Session): Promise<State> {
  try {
    const { problems, usage } = await client.getInfo(call);
    return { problems, damaged: Number(usage?.corruptCount ?? 0) };
  } catch (error) {
    if (isStoreError(error)) return { problems: [], damaged: 0 };
    throw error;
  }
}

interface State {
  readonly problems: readonly StoreProblem[];
  /** Snapshots that are marked as damaged, as far as this caller may know. */
  readonly damaged: number;
}

/**
 * Reports the damaged snapshots. They do not stop any service, so they do not change the exit code.
 */
function damagedText(damaged: number): string {
  if (damaged === 0) return "";
  return `${red(`${count(damaged, "damaged snapshot")}`)}: stasis ls --damaged\n`;
}

function notServing(stopped: Statuses, problems: readonly StoreProblem[]): Error {
  const names = stopped.map(([name]) => shownName(name)).join(", ");
  const message = `not served: ${names}`;
  const isGone = problems.some(({ reason }) => reason === ErrorReason.ROOT_UNAVAILABLE);
  if (isGone) return new StoreError("ROOT_UNAVAILABLE", message);
  return new CliError("UNAVAILABLE", "NOT_SERVING", message);
}

/** Formats a problem as one line. */
export function problemText({ reason, message, since }: StoreProblem): string {
  const name = ErrorReason[reason] ?? "unknown";
  const told = message === "" ? "" : `: ${message}`;
  return `${name} since ${formatTime(since)}${told}`;
}
