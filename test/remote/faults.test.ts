// Tests each of the five requests to a real engine with every fault, once and permanently. After a
// single fault, the request succeeds. With a permanent fault, the request ends with its documented
// reason, and nothing incomplete is visible.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ErrorReason } from "../../src/base/errors.js";
import type { RemoteRequestKind } from "../../src/observe/ports.js";
import type { Bucket } from "../../src/remote/s3/bucket.js";
import {
  bucketAt,
  fewAttempts,
  impatient,
  noEngine,
  startEngine,
  type Engine,
} from "../support/engine.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import {
  errorXml,
  startFaultyProxy,
  type Fault,
  type FaultyProxy,
} from "../support/faulty-proxy.js";
import { patternBytes } from "../support/scratch.js";

const skip = noEngine;
const { signal } = new AbortController();
const bytes = patternBytes(300_000, 7);
const range = { offset: 1000, length: 200_000 };

let engine: Engine;
let proxy: FaultyProxy;
let direct: Bucket & Disposable;
let patient: Bucket & Disposable;
let hurried: Bucket & Disposable;
let givingUp: Bucket & Disposable;
/** The bucket that the current case uses. */
let bucket: Bucket;

before(async () => {
  if (skip !== false) return;
  engine = await startEngine();
  proxy = await startFaultyProxy(engine.endpoint);
  direct = bucketAt(engine.endpoint, engine.keys);
  patient = bucketAt(proxy.endpoint, engine.keys, { timing: fewAttempts });
  // The fault makes one attempt fail, and on a busy machine more attempts may fail.
  const timing = { ...impatient, maxAttempts: 10 };
  hurried = bucketAt(proxy.endpoint, engine.keys, { timing });
  givingUp = bucketAt(proxy.endpoint, engine.keys, { timing: impatient });
  bucket = patient;
});

after(async () => {
  if (skip !== false) return;
  for (const each of [patient, hurried, givingUp]) each[Symbol.dispose]();
  direct[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

function answer(status: number, code: string): Fault {
  return { kind: "answer", status, body: errorXml(code) };
}

/** The faults that any request may have, each with the reason if the fault is permanent. */
const anyRequest: Readonly<Record<string, readonly [Fault, ErrorReason]>> = {
  "500": [answer(500, "InternalError"), "REMOTE_UNREACHABLE"],
  "503": [answer(503, "SlowDown"), "REMOTE_UNREACHABLE"],
  "429": [{ kind: "answer", status: 429 }, "REMOTE_UNREACHABLE"],
  "a proxy's 502": [
    { kind: "answer", status: 502, body: "<html>Bad Gateway</html>" },
    "REMOTE_UNREACHABLE",
  ],
  "a reset before the engine": [{ kind: "reset-before" }, "REMOTE_UNREACHABLE"],
  "a reset after the engine": [{ kind: "reset-after" }, "REMOTE_UNREACHABLE"],
  "no answer": [{ kind: "silent" }, "REMOTE_UNREACHABLE"],
};

const cutHead: readonly [Fault, ErrorReason] = [{ kind: "cut" }, "REMOTE_UNREACHABLE"];
const cutBody: readonly [Fault, ErrorReason] = [{ kind: "cut" }, "REMOTE_DATA_INVALID"];
const shortened: readonly [Fault, ErrorReason] = [{ kind: "shorten" }, "REMOTE_DATA_INVALID"];

interface Case {
  /** Makes the request, and checks its result. */
  act(key: string): Promise<void>;
  /** True if the key's object exists before the request. */
  readonly exists: boolean;
  /** Checks the engine after the request has succeeded. */
  after?(key: string): Promise<void>;
  readonly faults: Readonly<Record<string, readonly [Fault, ErrorReason]>>;
}

const cases: Readonly<Record<RemoteRequestKind, Case>> = {
  put: {
    exists: false,
    act: (key) => bucket.put(key, [bytes.subarray(0, 1000), bytes.subarray(1000)], signal),
    after: async (key) => assert.deepEqual(await stored(key), bytes),
    faults: {
      "a cut answer": cutHead,
      "a changed byte": [{ kind: "flip-upload" }, "REMOTE_DATA_INVALID"],
    },
  },
  get: {
    exists: true,
    act: async (key) => {
      const got = await bucket.get(key, { range, maxBytes: range.length, signal });
      assert.deepEqual(got, bytes.subarray(1000, 201_000));
    },
    faults: {
      "a cut body": cutBody,
      "a short body": shortened,
      "another range": [
        { kind: "change", headers: { "content-range": "bytes 0-199999/300000" } },
        "REMOTE_DATA_INVALID",
      ],
      "no Content-Range": [
        { kind: "change", headers: { "content-range": "" } },
        "REMOTE_DATA_INVALID",
      ],
      "the whole object": [{ kind: "change", status: 200 }, "REMOTE_DATA_INVALID"],
    },
  },
  head: {
    exists: true,
    act: async (key) =>
      assert.deepEqual(await bucket.head(key, signal), { sizeBytes: bytes.length }),
    faults: { "a cut answer": cutHead },
  },
  delete: {
    exists: true,
    act: (key) => bucket.delete(key, signal),
    after: async (key) => assert.equal(await direct.head(key, signal), undefined),
    faults: { "a cut answer": cutHead },
  },
  list: {
    exists: true,
    act: async (key) => {
      const listed = [];
      for await (const each of bucket.list(key, { signal })) listed.push(each);
      const [{ modifiedAt = 0 } = {}] = listed;
      assert.deepEqual(listed, [{ key, sizeBytes: bytes.length, modifiedAt }]);
      assert.ok(Math.abs(modifiedAt - Date.now()) < 3_600_000, `modified at ${modifiedAt}`);
    },
    faults: { "a cut body": cutBody, "a short body": shortened },
  },
};

async function stored(key: string): Promise<Buffer> {
  return readFile(join(engine.directory, "prod", key));
}

const kinds = Object.keys(cases) as RemoteRequestKind[];
for (const kind of kinds) {
  const { act, exists, after: check, faults } = cases[kind];
  const all = Object.entries({ ...anyRequest, ...faults });
  test(`${kind}: after a single fault of each kind the request succeeds`, { skip }, async () => {
    for (const [name, [fault]] of all) {
      const key = `once/${kind}/${name.replaceAll(/[^a-z0-9]+/gi, "-")}`;
      if (exists) await direct.put(key, bytes, signal);
      proxy.failNext(kind, fault);
      bucket = fault.kind === "silent" ? hurried : patient;
      await act(key).catch((error: unknown) => {
        throw new Error(`${kind}, ${name}`, { cause: error });
      });
      bucket = patient;
      await check?.(key);
    }
  });
  test(
    `${kind}: with a permanent fault of each kind the request ends with its reason`,
    { skip },
    async () => {
      for (const [name, [fault, reason]] of all) {
        const key = `always/${kind}/${name.replaceAll(/[^a-z0-9]+/gi, "-")}`;
        if (exists) await direct.put(key, bytes, signal);
        proxy.failAll(kind, fault);
        bucket = fault.kind === "silent" ? givingUp : patient;
        const before = proxy.seen.length;
        const error = await failsWith(act(key), reason).catch((thrown: unknown) => {
          throw new Error(`${kind}, ${name}`, { cause: thrown });
        });
        proxy.failAll(kind, undefined);
        assert.ok(error.message.startsWith("remote cold, bucket snapshots, "), error.message);
        assert.notEqual(error.hint, undefined);
        // A reused connection may turn out to be broken. That attempt does not count, so there may
        // be one more.
        const stale = fault.kind.startsWith("reset") ? 1 : 0;
        const attempts = proxy.seen.length - before - fewAttempts.maxAttempts;
        assert.ok(attempts >= 0 && attempts <= stale, `${name}: ${attempts} more attempts`);
        bucket = patient;
        // If an object is visible, it is complete.
        const file = join(engine.directory, "prod", key);
        if (kind !== "delete")
          assert.ok(exists || !existsSync(file) || (await stored(key)).equals(bytes));
      }
    },
  );
}

test(
  "a slow answer is accepted, and a flipped byte of a download is left to the digests",
  { skip },
  async () => {
    await direct.put("late/a", bytes, signal);
    proxy.failNext("get", { kind: "slow", ms: 200 });
    assert.deepEqual(await bucket.get("late/a", { maxBytes: bytes.length, signal }), bytes);
    proxy.failNext("get", { kind: "flip-download" });
    const got = await bucket.get("late/a", { maxBytes: bytes.length, signal });
    assert.equal(got.length, bytes.length);
    assert.notDeepEqual(got, bytes);
  },
);

test(
  "an answer with an error of the engine is refused at once, and the error says what to do",
  { skip },
  async () => {
    const refusals: readonly (readonly [Fault, RegExp])[] = [
      [answer(403, "AccessDenied"), /Allow these credentials s3:GetObject on the bucket snapshots/],
      [answer(403, "InvalidAccessKeyId"), /does not know this access key/],
      [answer(403, "SignatureDoesNotMatch"), /Check the secret key and region/],
      [answer(404, "NoSuchBucket"), /Make the bucket first/],
      [
        { kind: "answer", status: 404, body: "<html>not here</html>" },
        /something else than an object store/,
      ],
      [{ kind: "answer", status: 404 }, /something else than an object store/],
      [answer(501, "NotImplemented"), /documentation of the object store/],
      [answer(507, "InsufficientStorage"), /is full/],
      [
        {
          kind: "answer",
          status: 301,
          body: errorXml("PermanentRedirect"),
          headers: { "x-amz-bucket-region": "eu-west-1" },
        },
        /set region = "eu-west-1"/,
      ],
      [
        { kind: "answer", status: 307, headers: { location: "http://elsewhere.test/x" } },
        /Redirects are not followed.*elsewhere\.test/,
      ],
      [
        {
          kind: "answer",
          status: 403,
          body: errorXml("RequestTimeTooSkewed"),
          headers: { date: new Date(Date.now() + 3_600_000).toUTCString() },
        },
        /clock is 3[56]\d\d s behind the object store's.*Set this node's clock/,
      ],
    ];
    await direct.put("refused/a", bytes, signal);
    for (const [fault, text] of refusals) {
      proxy.failAll("get", fault);
      const before = proxy.seen.length;
      const error = await failsWith(
        bucket.get("refused/a", { maxBytes: 1, signal }),
        "REMOTE_REFUSED",
      );
      proxy.failAll("get", undefined);
      assert.match(error.text, text);
      assert.equal(error.metadata["action"], "s3:GetObject");
      assert.ok(proxy.seen.length - before <= 2, error.message);
    }
  },
);

test("a 404 that is not about the object does not make the object missing", { skip }, async () => {
  await direct.put("there/a", bytes, signal);
  for (const fault of [
    answer(404, "NoSuchBucket"),
    answer(404, "XAdminUserNotFound"),
    { kind: "answer", status: 404, body: "<html>not here</html>" },
  ] as const) {
    for (const kind of ["get", "head", "delete"] as const) proxy.failAll(kind, fault);
    const range = { offset: 0, length: 1 };
    await failsWith(bucket.head("there/a", signal), "REMOTE_REFUSED");
    await failsWith(bucket.get("there/a", { range, maxBytes: 1, signal }), "REMOTE_REFUSED");
    await failsWith(bucket.delete("there/a", signal), "REMOTE_REFUSED");
    for (const kind of ["get", "head", "delete"] as const) proxy.failAll(kind, undefined);
  }
  // The first answer says that an existing object does not exist. The client must ask again, also
  // if the object is empty.
  proxy.failNext("head", { kind: "answer", status: 404 });
  assert.deepEqual(await bucket.head("there/a", signal), { sizeBytes: bytes.length });
  await direct.put("there/empty", new Uint8Array(), signal);
  proxy.failNext("head", { kind: "answer", status: 404 });
  assert.deepEqual(await bucket.head("there/empty", signal), { sizeBytes: 0 });
});

test("text from the other end cannot send control characters to a terminal", { skip }, async () => {
  const message = `\u009b31mred${"x".repeat(1000)}`;
  proxy.failAll("get", { kind: "answer", status: 403, body: errorXml("AccessDenied", message) });
  const error = await failsWith(bucket.get("refused/a", { maxBytes: 1, signal }), "REMOTE_REFUSED");
  proxy.failAll("get", undefined);
  assert.match(error.message, /\( ?31mredx+\)$/);
  assert.ok(error.message.length < 400);
});

const page = (inner: string, head = ""): Fault => ({
  kind: "answer",
  status: 200,
  body: `<?xml version="1.0"?>${head}<ListBucketResult>${inner}</ListBucketResult>`,
});
const end = "<IsTruncated>false</IsTruncated>";
const entry = (key: string, size = "1", time = "2026-01-02T03:04:05.000Z") =>
  `<Contents><Key>${key}</Key><LastModified>${time}</LastModified><Size>${size}</Size></Contents>`;

/** The client must not trust any of these lists, take long to read it, or crash. */
const hostileLists: Readonly<Record<string, readonly [Fault, RegExp]>> = {
  "no XML": [{ kind: "answer", status: 200, body: "hello" }, /not usable/],
  "an empty body": [{ kind: "answer", status: 200, body: "" }, /not usable/],
  "a JSON page": [{ kind: "answer", status: 200, body: "{}" }, /not usable/],
  "another document": [{ kind: "answer", status: 200, body: errorXml("NoSuchKey") }, /"Error"/],
  entities: [
    page(end + entry("prod/&b;"), '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'),
    /document type/,
  ],
  "an outside entity": [
    page(end + entry("prod/&b;"), '<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>'),
    /document type/,
  ],
  "a deep tree": [page(`${"<a>".repeat(50_000)}${"</a>".repeat(50_000)}${end}`), /not usable/],
  "a huge page": [page(`${end}${" ".repeat(8 * 1024 * 1024)}`), /body has/],
  "open elements": [page(`${end}<Contents><Key>prod/a</Key>`), /not usable/],
  "no end": [page(entry("prod/a")), /no IsTruncated/],
  "two ends": [page(`${end}<IsTruncated>true</IsTruncated>`), /two of IsTruncated/],
  "no token": [page("<IsTruncated>true</IsTruncated>"), /no NextContinuationToken/],
  "a key outside the prefix": [page(end + entry("other/a")), /not below it/],
  "a key twice": [page(end + entry("prod/a") + entry("prod/a")), /occurs twice/],
  "two keys in one": [
    page(`${end}<Contents><Key>prod/a</Key><Key>prod/b</Key><Size>1</Size></Contents>`),
    /two of Key/,
  ],
  "no size": [page(`${end}<Contents><Key>prod/a</Key></Contents>`), /no Size/],
  "a negative size": [page(end + entry("prod/a", "-1")), /Size is/],
  "a huge size": [page(end + entry("prod/a", "99999999999999999999")), /Size is/],
  "no time": [
    page(`${end}<Contents><Key>prod/a</Key><Size>1</Size></Contents>`),
    /no LastModified/,
  ],
  "a wrong time": [page(end + entry("prod/a", "1", "yesterday")), /LastModified is/],
  "a wrong count": [page(`${end}<KeyCount>2</KeyCount>${entry("prod/a")}`), /KeyCount/],
  "another prefix": [page(`${end}<Prefix>other/</Prefix>`), /it is for the prefix/],
  "a key that is not encoded": [
    page(`${end}<EncodingType>url</EncodingType>${entry("prod/%zz")}`),
    /not URL-encoded/,
  ],
  "bytes that are not UTF-8": [
    {
      kind: "answer",
      status: 200,
      body: Buffer.concat([Buffer.from("<ListBucketResult>"), Buffer.from([0xff, 0xfe])]),
    },
    /not usable/,
  ],
  "names of prototypes": [
    page(`${end}<__proto__><Key>x</Key></__proto__>${entry("other/a")}`),
    /./,
  ],
};

test("wrong or hostile lists are refused, and each error names the problem", { skip }, async () => {
  for (const [name, [fault, text]] of Object.entries(hostileLists)) {
    proxy.failAll("list", fault);
    const error = await failsWith(all(), "REMOTE_DATA_INVALID").catch((thrown: unknown) => {
      throw new Error(name, { cause: thrown });
    });
    proxy.failAll("list", undefined);
    assert.match(error.message, text, name);
  }
  assert.equal(Object.hasOwn(Object.prototype, "Key"), false);
});

async function all(): Promise<void> {
  for await (const each of bucket.list("", { signal })) void each;
}

test("a list whose token does not change ends with an error", { skip }, async () => {
  const next = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
  proxy.failAll("list", page(next + entry("prod/a")));
  const error = await failsWith(all(), "REMOTE_DATA_INVALID");
  proxy.failAll("list", undefined);
  assert.match(error.message, /is that of this page/);
});

test(
  "a request to an engine that hangs is given up, and the next request succeeds",
  { skip },
  async () => {
    await direct.put("hang/a", bytes, signal);
    using quick = bucketAt(engine.endpoint, engine.keys, { timing: impatient });
    engine.signal("SIGSTOP");
    const error = await failsWith(quick.head("hang/a", signal), "REMOTE_UNREACHABLE");
    engine.signal("SIGCONT");
    assert.match(error.message, /nothing moved for 0\.4 s/);
    assert.equal(error.metadata["attempts"], "3");
    assert.deepEqual(await direct.head("hang/a", signal), { sizeBytes: bytes.length });
  },
);

test("an aborted request ends at once, whatever its stage is", { skip }, async () => {
  const slots = bucketAt(proxy.endpoint, engine.keys, { table: { max_requests: 1 } });
  proxy.failAll("head", { kind: "silent" });
  const running = new AbortController();
  const waiting = new AbortController();
  const first = slots.head("a", running.signal);
  const second = slots.head("b", waiting.signal);
  await eventually("the request", () => proxy.active() > 0);
  waiting.abort(new Error("no longer"));
  await assert.rejects(second, /no longer/);
  running.abort(new Error("nor this"));
  await assert.rejects(first, /nor this/);
  await eventually("its connection", () => proxy.active() === 0);
  proxy.failAll("head", answer(503, "SlowDown"));
  const pausing = new AbortController();
  const third = slots.head("c", pausing.signal);
  setTimeout(() => pausing.abort(new Error("not again")), 20);
  await assert.rejects(third, /not again/);
  proxy.failAll("head", undefined);
  assert.equal(await slots.head("d", signal), undefined);
  slots[Symbol.dispose]();
});

test("at most max_requests run at once, over as many connections", { skip }, async () => {
  await using own = await startFaultyProxy(engine.endpoint);
  using three = bucketAt(own.endpoint, engine.keys, { table: { max_requests: 3 } });
  own.failAll("head", { kind: "slow", ms: 30 });
  await Promise.all(Array.from({ length: 12 }, (_, index) => three.head(`n/${index}`, signal)));
  assert.equal(own.mostActive(), 3);
  assert.equal(new Set(own.seen.map(({ connection }) => connection)).size, 3);
});
