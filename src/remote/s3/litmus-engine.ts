// Defines the steps of `stasis remote check` that look at what the object store supports: ranges,
// keys, pages, cut uploads, checksums, and its clock.
import { isStoreError, messageOf } from "../../base/errors.js";
import { kib } from "../../base/sizes.js";
import { unobservedRemotes } from "../../observe/ports.js";
import type { LitmusResult, LitmusScene, TriedStep } from "./litmus-step.js";
import type { Payload } from "./payload.js";
import { isRefusedDigest, sendPlain, wrongChecksum } from "./remote-bucket.js";
import { emptySha256 } from "./sign.js";

const passed = (detail: string) => ({ outcome: "passed", detail }) as const;
const failed = (detail: string) => ({ outcome: "failed", detail }) as const;
const noted = (detail: string) => ({ outcome: "noted", detail }) as const;
const skipped = (detail: string) => ({ outcome: "skipped", detail }) as const;

export const engineSteps: readonly TriedStep[] = [
  { name: "missing_key", run: missingKey },
  { name: "ranges", run: ranges },
  { name: "keys", run: keys },
  { name: "pages", run: pages },
  { name: "cut_upload", run: cutUpload },
  { name: "payload_hash", run: payloadHash },
  { name: "checksum_header", run: checksumHeader },
  { name: "clock", run: clock },
];

/** Checks that the object store distinguishes a missing object from one that may not be read. */
async function missingKey({ one, newKey, signal }: LitmusScene): Promise<LitmusResult> {
  const key = newKey();
  try {
    await one.get(key, { maxBytes: kib, signal });
    return failed("a key that was never stored has content");
  } catch (error) {
    if (!isStoreError(error, "REMOTE_COPY_MISSING")) throw error;
  }
  const head = await one.head(key, signal);
  if (head !== undefined) return failed("HEAD finds a key that was never stored");
  return passed("a missing object is reported as missing");
}

async function ranges({ one, newKey, signal }: LitmusScene): Promise<LitmusResult> {
  const key = newKey();
  const bytes = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 31) & 255));
  await one.put(key, bytes, signal);
  for (const [offset, length] of [
    [0, 1],
    [1000, 333],
    [4095, 1],
    [0, 4096],
  ] as const) {
    const part = await one.get(key, { range: { offset, length }, maxBytes: length, signal });
    if (part.equals(bytes.subarray(offset, offset + length))) continue;
    return failed(`the range from ${offset} of length ${length} has other bytes than were stored`);
  }
  return passed("ranges have exactly their bytes");
}

/** Tries every kind of character in stasis's keys, and two keys that differ only in case. */
async function keys({ one, prefix, newKey, signal }: LitmusScene): Promise<LitmusResult> {
  const names = ["a", "A", "a.b", "a-b", "a_b", "d/b.json", "01HZZZZZZZZZZZZZZZZZZZZZZZ-0"];
  const all = names.map((name) => newKey(`keys/${name}`));
  for (const key of all) await one.put(key, Buffer.from(key), signal);
  for (const key of all) {
    const read = String(await one.get(key, { maxBytes: kib, signal }));
    if (read !== key) return failed(`the key ${key} has the content of ${read}`);
  }
  const listed: string[] = [];
  for await (const { key } of one.list(`${prefix}keys/`, { signal })) listed.push(key);
  const missing = all.filter((key) => !listed.includes(key));
  if (missing.length > 0) return failed(`a list lacks ${missing.join(", ")}`);
  return passed("keys are distinct in every character");
}

async function pages({ one, prefix, newKey, signal }: LitmusScene): Promise<LitmusResult> {
  const all = Array.from({ length: 7 }, (_, index) => newKey(`pages/${index}`));
  for (const key of all) await one.put(key, Buffer.from("x"), signal);
  const listed = async (startAfter?: string): Promise<string> => {
    const found: string[] = [];
    const after = startAfter === undefined ? {} : { startAfter };
    const options = { ...after, pageKeys: 2, signal };
    for await (const { key } of one.list(`${prefix}pages/`, options)) found.push(key);
    return found.sort().join();
  };
  if ((await listed()) !== all.join()) return failed("a list in pages of two is not complete");
  if ((await listed(all[3])) !== all.slice(4).join()) return failed("start-after is not honoured");
  return passed("lists in pages are complete");
}

async function cutUpload({
  one,
  requests,
  open,
  newKey,
  signal,
}: LitmusScene): Promise<LitmusResult> {
  const key = newKey();
  const stop = "the check stops this upload";
  const payload: Payload = {
    sizeBytes: 256 * kib,
    async *pieces() {
      yield Buffer.alloc(128 * kib, 1);
      throw new Error(stop);
    },
  };
  const headers = {
    "content-length": String(payload.sizeBytes),
    "x-amz-content-sha256": emptySha256,
  };
  const sent = requests.send<string>(
    {
      ...{
        kind: "put",
        method: "PUT",
        key,
        path: `/${open.remote.prefix}${key}`,
        payload,
        headers,
      },
      ...{ expectedBytes: 0, maxBodyBytes: kib },
      judge: () => ({ value: "it was answered" }),
    },
    unobservedRemotes,
    signal,
  );
  const outcome = await sent.catch((error: unknown) => messageOf(error));
  if (outcome !== stop) return noted(`the upload could not be cut off: ${outcome}`);
  if ((await one.head(key, signal)) !== undefined) return failed("a part of an upload is visible");
  return passed("an upload that was cut off is not visible");
}

async function payloadHash({
  one,
  requests,
  open,
  newKey,
  signal,
}: LitmusScene): Promise<LitmusResult> {
  if (open.remote.anonymous) return skipped("requests are not signed");
  const key = newKey();
  const headers = { "x-amz-content-sha256": emptySha256 };
  const body = Buffer.from("these bytes have another hash");
  const answer = await sendPlain(requests, open, { method: "PUT", key, headers, body }, signal);
  const stored = await one.head(key, signal);
  if (stored !== undefined || answer.status < 300) {
    return noted("a body with another SHA-256 than the signed one is stored: use https");
  }
  return passed("a body with another SHA-256 than the signed one is refused");
}

async function checksumHeader({
  requests,
  open,
  newKey,
  signal,
}: LitmusScene): Promise<LitmusResult> {
  const isHttps = open.remote.endpoint.startsWith("https:");
  const key = newKey();
  const body = Buffer.from("these bytes have another checksum");
  const headers = wrongChecksum();
  const answer = await sendPlain(requests, open, { method: "PUT", key, headers, body }, signal);
  if (isRefusedDigest(answer)) {
    return passed(`a wrong x-amz-checksum-crc32 is refused${isHttps ? ": uploads use it" : ""}`);
  }
  const what = answer.status < 300 ? "ignored" : `answered with ${answer.status}`;
  return passed(`a wrong x-amz-checksum-crc32 is ${what}: uploads are signed with their SHA-256`);
}

/** Compares the clocks. Signatures are refused if the clocks differ by 15 minutes or more. */
async function clock({ requests, open, newKey, signal }: LitmusScene): Promise<LitmusResult> {
  const sentMs = Date.now();
  const answer = await sendPlain(requests, open, { method: "HEAD", key: newKey() }, signal);
  const theirs = Date.parse(answer.headers.date ?? "");
  if (Number.isNaN(theirs)) return skipped("the object store does not tell its time");
  const differs = Math.round((sentMs - theirs) / 1000);
  const text = `this node's clock is ${Math.abs(differs)} s ${differs < 0 ? "behind" : "ahead of"} the object store's`;
  if (Math.abs(differs) < 60) return passed("the clocks agree within a minute");
  return noted(`${text}: from 900 s on it refuses every request`);
}
