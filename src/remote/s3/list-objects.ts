// Lists the keys of a bucket by ListObjectsV2, page by page.
import { messageOf, type StoreError } from "../../base/errors.js";
import { mib } from "../../base/sizes.js";
import type { RemoteObserver } from "../../observe/ports.js";
import { failureOf, invalidFailure } from "./failures.js";
import type { BucketRequests } from "./requests.js";
import { maxKeysOfPage, parseKeyPage, type KeyPage } from "./xml.js";

export interface KeyListOptions {
  /** The list begins after this key. */
  readonly startAfter?: string;
  /** Number of keys of a page, at most 1000. Default: 1000. */
  readonly pageKeys?: number;
  readonly signal: AbortSignal;
}

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** The time of the PUT by the clock of the object store, in milliseconds since 1970. */
  readonly modifiedAt: number;
}

/**
 * Maximum size of a page: 1000 keys of at most 1024 bytes, percent-encoded, with their other
 * elements.
 */
const maxListBytes = 6 * mib;
/**
 * Maximum number of empty pages in a row. Pages may be empty, for example where many objects were
 * deleted.
 */
const maxEmptyPages = 1000;

interface ListContext {
  readonly requests: BucketRequests;
  readonly observer: RemoteObserver;
  /** The prefix of the remote. */
  readonly prefix: string;
}

export async function* listObjects(
  context: ListContext,
  prefix: string,
  { startAfter, pageKeys = maxKeysOfPage, signal }: KeyListOptions,
): AsyncGenerator<ListedObject, void, undefined> {
  const own = context.prefix;
  let token: string | undefined;
  let empty = 0;
  do {
    const place: [string, string][] =
      token !== undefined
        ? [["continuation-token", token]]
        : startAfter === undefined
          ? []
          : [["start-after", own + startAfter]];
    const asked = [...place, ["max-keys", String(pageKeys)]] as const;
    const page = await listPage(context, prefix, asked, token, signal);
    for (const { key, ...rest } of page.keys) yield { key: key.slice(own.length), ...rest };
    token = page.nextToken;
    empty = page.keys.length === 0 ? empty + 1 : 0;
    if (empty > maxEmptyPages) throw endlessError(context, prefix);
  } while (token !== undefined);
}

function listPage(
  { requests, observer, prefix: own }: ListContext,
  prefix: string,
  place: readonly (readonly string[])[],
  token: string | undefined,
  signal: AbortSignal,
): Promise<KeyPage> {
  const query = [
    ...place,
    ["encoding-type", "url"],
    ["list-type", "2"],
    ["prefix", own + prefix],
  ].map(([name = "", value = ""]) => `${name}=${encodeURIComponent(value)}`);
  return requests.send<KeyPage>(
    {
      ...{ kind: "list", method: "GET", key: prefix, path: `?${query.join("&")}` },
      ...{ expectedBytes: 0, maxBodyBytes: maxListBytes },
      judge: (answer, subject) => {
        if (answer.status !== 200) return failureOf(answer, subject);
        try {
          const page = parseKeyPage(answer.body, own + prefix);
          if (page.nextToken === undefined || page.nextToken !== token) return { value: page };
          return invalidFailure(subject, "the token of the next page is that of this page");
        } catch (error) {
          return invalidFailure(subject, `the list is not usable: ${messageOf(error)}`, error);
        }
      },
    },
    observer,
    signal,
  );
}

function endlessError({ requests }: ListContext, prefix: string): StoreError {
  const subject = { ...requests.subject, kind: "list", key: prefix } as const;
  return invalidFailure(subject, `the list has ${maxEmptyPages} empty pages in a row`).error;
}
