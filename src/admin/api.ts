// Answers /api/ with the data of the web page as JSON. Messages of the gRPC calls appear in
// protobuf's JSON mapping, and the same role table applies. A confined identity sees only its own
// snapshots.
import { fieldInvalid } from "../base/errors.js";
import type { Identity } from "../model/access.js";
import type { PullState } from "../observe/figures.js";
import type { ConfinedStore, SnapshotStore } from "../store/snapshot-store.js";
import { checkRole, ruleOf } from "../transport/auth/role-table.js";
import type { LocalCaller, LocalCalls } from "../transport/local-call.js";
import { listedJson } from "../transport/services/listed-json.js";
import { jsonAnswer, textAnswer, type Answer, type StreamAnswer } from "./answer.js";
import { createEvents, type Events } from "./events.js";
import { gcAnswer } from "./gc-picture.js";
import { readinessChecks } from "./health.js";
import type { RouteRequest, Routes } from "./routes.js";
import { createSupport, type Support, type SupportParts } from "./support.js";
import type { UsageHistory } from "./usage-history.js";
import { createViews, viewQueryOf, type Views } from "./views.js";

interface ApiParts {
  readonly store: ConfinedStore & Pick<SnapshotStore, "condition" | "confined" | "withDigest">;
  readonly calls: LocalCalls;
  readonly history: UsageHistory;
  /** Returns the number of running calls over gRPC. */
  readonly activeCalls: () => number;
  /** Returns the running pulls, and the newest ones that have ended. */
  readonly pulls: () => readonly PullState[];
  readonly support: SupportParts;
}

interface Api extends Omit<ApiParts, "support"> {
  readonly views: Views;
  readonly events: Events;
  readonly support: Support;
}

/** One request with its caller. */
interface Asked {
  readonly api: Api;
  readonly request: RouteRequest;
  readonly identity: Identity;
  readonly caller: LocalCaller;
  /** The part of the store that the caller may see. */
  readonly own: ConfinedStore;
}

const listMethod = "stasis.v1.SnapshotService/List";
const inspectMethod = "stasis.v1.SnapshotService/Inspect";
const infoMethod = "stasis.v1.SystemService/GetInfo";
const transfersMethod = "stasis.v1.ReplicationService/ListTransfers";

/** Maximum number of cells in a strip. */
const maxCells = 512;

export function createApi(parts: ApiParts): Routes {
  const { calls } = parts;
  const api: Api = {
    ...parts,
    views: createViews(),
    events: createEvents(calls),
    support: createSupport(parts.support, calls),
  };
  return async (request) => {
    const identity = request.identity();
    const { peer, signal } = request;
    const { namePrefix } = identity;
    const own = namePrefix === "" ? api.store : api.store.confined(namePrefix);
    return route({ api, request, identity, caller: { identity, peer, signal }, own });
  };
}

async function route(asked: Asked): Promise<Answer | StreamAnswer> {
  const { api, request } = asked;
  switch (request.path) {
    case "/api/info":
      return info(asked);
    case "/api/snapshots":
      return snapshots(asked);
    case "/api/activity":
      return activity(asked);
    case "/api/usage":
      return usage(asked);
    case "/api/damage":
      return damage(asked);
    case "/api/gc":
      return gcAnswer(api.calls, request.query, asked.caller);
    case "/api/events":
      return api.events.open(request, asked.caller);
    default:
      break;
  }
  if (request.path.startsWith("/api/support/")) return api.support.answer(request, asked.caller);
  const [, id = "", part = ""] = /^\/api\/snapshots\/([^/]+)(\/data)?$/.exec(request.path) ?? [];
  if (id !== "") return one(asked, decode(id), part === "/data");
  return textAnswer(404, `the API has nothing at ${request.path.slice(0, 200)}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw fieldInvalid("ref", "a percent-encoded id", text);
  }
}

async function info({ api, request, identity, caller }: Asked): Promise<Answer> {
  const { name, role, namePrefix } = identity;
  const told = await api.calls.unary(infoMethod, {}, caller);
  const checks = readinessChecks(request.phase, api.store.condition.problems());
  const failed = checks.flatMap((check) => check.failed ?? []);
  const filesystemBytes =
    namePrefix === "" ? api.history.samples().at(-1)?.filesystemBytes : undefined;
  const facts = { identity: { name, role, namePrefix }, failed, filesystemBytes };
  return jsonAnswer({ info: told, ...facts, now: Date.now() });
}

const maxRows = 200;
/**
 * A page that exceeds this number of bytes ends early, because labels and descriptions can be long.
 */
const maxPageBytes = 1024 * 1024;

async function snapshots({ api, request, identity, own }: Asked): Promise<Answer> {
  checkRole(ruleOf(listMethod), identity, listMethod);
  const { query, signal } = request;
  const offset = wholeNumber(query, "offset", 0, Number.MAX_SAFE_INTEGER);
  const limit = wholeNumber(query, "limit", 100, maxRows);
  const asked = viewQueryOf(query, identity.namePrefix);
  const view = await api.views.get(own, asked, query.get("view") ?? "", signal);
  const rows: unknown[] = [];
  let bytes = 0;
  for (const id of view.ids.slice(offset, offset + limit)) {
    const snapshot = own.listed(id);
    // A snapshot that no longer exists keeps its place in the view.
    const row = snapshot === undefined ? { gone: true, id } : listedJson(snapshot);
    bytes += JSON.stringify(row).length;
    rows.push(row);
    if (bytes > maxPageBytes) break;
  }
  const { token, truncated, ids } = view;
  return jsonAnswer({ view: token, total: ids.length, truncated, offset, rows });
}

function wholeNumber(query: URLSearchParams, key: string, standard: number, max: number): number {
  const text = query.get(key);
  if (text === null) return standard;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (value < 0 || value > max) throw fieldInvalid(key, `0 to ${max}`, text);
  return value;
}

async function one({ api, request, caller, own }: Asked, id: string, data: boolean) {
  const { identity } = caller;
  if (data) {
    checkRole(ruleOf(inspectMethod), identity, inspectMethod);
    const cells = wholeNumber(request.query, "cells", 256, maxCells);
    return jsonAnswer({ files: await own.dataMap(id, Math.max(1, cells), request.signal) });
  }
  const inspected = await api.calls.unary(inspectMethod, { ref: id }, caller);
  const snapshot = own.inspect(id);
  const leases = own.activity().leases.find((lease) => lease.id === snapshot.config.id);
  return jsonAnswer({ ...(inspected as object), leases, ...relatives(asOwn(api, own), snapshot) });
}

function asOwn({ store }: Api, own: ConfinedStore) {
  return { own, withDigest: (digest: string) => (digest === "" ? [] : store.withDigest(digest)) };
}

/** Maximum number of relatives of each kind whose names are shown. */
const maxRelatives = 20;

/** Returns the snapshots with the same data, and those of the same image. */
function relatives(
  { own, withDigest }: ReturnType<typeof asOwn>,
  { config, digest }: ReturnType<ConfinedStore["inspect"]>,
) {
  const shown = (id: string) => {
    const found = id === config.id ? undefined : own.listed(id);
    return found === undefined ? [] : [{ id, name: found.config.name }];
  };
  const same = withDigest(digest).flatMap((snapshot) => shown(snapshot.config.id));
  const { image } = config;
  const page = image === "" ? undefined : own.list({ pageSize: maxRelatives, filter: { image } });
  return {
    sameData: same.slice(0, maxRelatives),
    sameImage: {
      total: Math.max(0, (page?.totalSize ?? 0) - 1),
      snapshots: (page?.snapshots ?? []).flatMap((snapshot) => shown(snapshot.config.id)),
    },
  };
}

/**
 * Returns the work that is in progress, and the newest pulls that have ended. Only operators
 * without a name prefix see transfers and pulls. Only callers without a name prefix see the number
 * of calls.
 */
async function activity({ api, caller, own, identity }: Asked): Promise<Answer> {
  checkRole(ruleOf(listMethod), identity, listMethod);
  const { leases, uploads } = own.activity();
  const seesAll = identity.role === "operator" && identity.namePrefix === "";
  return jsonAnswer({
    leases,
    uploads,
    transfers: seesAll ? await api.calls.unary(transfersMethod, {}, caller) : undefined,
    pulls: seesAll ? api.pulls() : undefined,
    activeCalls: identity.namePrefix === "" ? api.activeCalls() : undefined,
  });
}

/**
 * Returns the usage. Callers who are confined to some names do not learn the usage of all
 * snapshots.
 */
function usage({ api, identity }: Asked): Answer {
  checkRole(ruleOf(listMethod), identity, listMethod);
  return jsonAnswer({ samples: identity.namePrefix === "" ? api.history.samples() : [] });
}

const maxDamaged = 200;

async function damage({ api, request, identity, own }: Asked): Promise<Answer> {
  checkRole(ruleOf(listMethod), identity, listMethod);
  const asked = viewQueryOf(new URLSearchParams("damaged=1"), identity.namePrefix);
  const { ids } = await api.views.get(own, asked, "", request.signal);
  const damaged = ids.slice(0, maxDamaged).flatMap((id) => own.listed(id) ?? []);
  return jsonAnswer({
    damaged: damaged.map(listedJson),
    damagedTotal: ids.length,
    lost: own.lost().map(({ config }) => ({ id: config.id, name: config.name })),
  });
}
