// Maps each path of the admin listener to its answer.
import type { IncomingHttpHeaders } from "node:http";
import type { Identity } from "../model/access.js";
import { seesPaths } from "../model/access.js";
import type { MetricsPage } from "../observe/metrics.js";
import type { StoreProblem } from "../store/parts/condition.js";
import { checkRole } from "../transport/auth/role-table.js";
import { textAnswer, type Answer, type StreamAnswer } from "./answer.js";
import type { Assets } from "./assets.js";
import { livezAnswer, readinessChecks, readyzAnswer, type Phase } from "./health.js";
import type { AdminLimits } from "./http-server.js";

export interface RouteRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /**
   * The peer of the connection: the remote address, `:` and the port, or `unix` for a Unix socket.
   * An IPv6 address has no brackets.
   */
  readonly peer: string;
  readonly phase: Phase;
  /** Aborts when the reader disconnects. */
  readonly signal: AbortSignal;
  /** Aborts when event streams must end. */
  readonly draining: AbortSignal;
  /**
   * Returns the identity of the caller. Throws CREDENTIALS_INVALID if the caller cannot be
   * identified.
   */
  identity(): Identity;
  readonly limits: AdminLimits;
}

export type Routes = (request: RouteRequest) => Promise<Answer | StreamAnswer>;

interface RouteParts {
  readonly assets: Assets;
  /** Returns the problems of the store. Undefined while the daemon recovers its store. */
  readonly problems: () => readonly StoreProblem[] | undefined;
  readonly metrics: () => MetricsPage | undefined;
  /** Returns the routes that answer /api/. Undefined while the daemon recovers its store. */
  readonly api: () => Routes | undefined;
}

/**
 * The metrics count all snapshots, and reveal nothing that a reader of all snapshots could not
 * learn.
 */
const metricsRule = {
  roles: ["reader", "writer", "operator"],
  changes: false,
  wholeNode: true,
} as const;

export function createRoutes(parts: RouteParts): Routes {
  return async (request) => {
    const { path, query } = request;
    switch (path) {
      case "/livez":
        return livezAnswer(query);
      case "/readyz":
      case "/healthz":
        return readyz(parts, request);
      case "/metrics":
        checkRole(metricsRule, request.identity(), path);
        return metrics(parts);
      case "/":
        return asset(parts, request, "index.html");
      default:
        break;
    }
    if (path.startsWith("/assets/")) return asset(parts, request, path.slice("/assets/".length));
    if (!path.startsWith("/api/")) return notFound(path);
    request.identity();
    const api = parts.api();
    return api === undefined ? recovering() : api(request);
  };
}

function readyz({ problems }: RouteParts, request: RouteRequest): Answer {
  const checks = readinessChecks(request.phase, problems() ?? []);
  return readyzAnswer(checks, request.query, maySee(request));
}

function maySee({ identity }: RouteRequest): boolean {
  try {
    return seesPaths(identity());
  } catch {
    return false;
  }
}

async function metrics({ metrics: page }: RouteParts): Promise<Answer> {
  const found = page();
  if (found === undefined) return recovering();
  return { status: 200, contentType: found.contentType, body: await found.render() };
}

/**
 * Answers with a file of the web page. The page is the same for everybody, and shows no data
 * without the API.
 */
function asset({ assets }: RouteParts, { headers }: RouteRequest, name: string): Answer {
  return assets.answer(name, headers["if-none-match"]) ?? notFound(`/assets/${name}`);
}

function recovering(): Answer {
  return {
    ...textAnswer(503, "the daemon is starting: it recovers its store"),
    headers: { "retry-after": "1" },
  };
}

function notFound(path: string): Answer {
  const known = "/, /api/, /metrics, /livez and /readyz";
  return textAnswer(404, `there is nothing at ${path.slice(0, 200)}: this listener has ${known}`);
}
