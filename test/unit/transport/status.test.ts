// Tests how errors become gRPC statuses: which error a thrown value becomes, that its details and
// its message stay within their limits, and that every text arrives intact or properly shortened.
import assert from "node:assert/strict";
import { test } from "node:test";
import { status as grpcStatus } from "@grpc/grpc-js";
import fc from "fast-check";
import {
  codeOfReason,
  firstError,
  StoreError,
  type ErrorReason,
} from "../../../src/base/errors.js";
import { ioError } from "../../../src/holes/errno.js";
import { detailsKey } from "../../../src/wire/status-details.js";
import { toCallError, wireStatus } from "../../../src/transport/status.js";
import { detailsOf, failureOf, methods, silent, startServer, unary } from "./harness.js";

const reasons = Object.keys(codeOfReason) as ErrorReason[];

function encodedDetails(error: StoreError): Buffer {
  const [encoded] = wireStatus(error).metadata.get(detailsKey);
  assert.ok(Buffer.isBuffer(encoded));
  return encoded;
}

test("each reason is sent with its code and domain", () => {
  for (const reason of reasons) {
    const status = wireStatus(new StoreError(reason, "message", { hint: "Do this" }));
    assert.equal(status.code, grpcStatus[codeOfReason[reason]]);
    assert.equal(status.details, "message. Do this");
    const details = detailsOf(status);
    assert.equal(details.reason, reason);
    assert.equal(details.status.code, status.code);
    assert.equal(details.preconditions.length > 0, codeOfReason[reason] === "FAILED_PRECONDITION");
  }
});

test("all parts of an error arrive", () => {
  const details = detailsOf(
    wireStatus(
      new StoreError("SNAPSHOT_IN_USE", "snapshot a is in use", {
        metadata: { snapshot_id: "0123" },
        hint: "Wait for it",
        fields: [{ field: "refs[0]", description: "expected x, got y" }],
        resource: { type: "snapshot", name: "a" },
        retryAfterMs: 1500,
      }),
    ),
  );
  assert.deepEqual(details.metadata, { snapshot_id: "0123", hint: "Wait for it" });
  assert.equal(details.fields[0]?.field, "refs[0]");
  assert.equal(details.fields[0].description, "expected x, got y");
  assert.equal(details.resource?.resourceType, "snapshot");
  assert.equal(details.retryDelayMs, 1500);
  assert.deepEqual(
    details.preconditions.map(({ type, subject }) => ({ type, subject })),
    [{ type: "SNAPSHOT_IN_USE", subject: "a" }],
  );
});

test("the details of any error fit, keep their reason, and stay small on the wire", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 3000 }),
    fc.string({ unit: fc.constantFrom("a", "€", "😀", "\ud800", "\udc00", "\n"), maxLength: 3000 }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...reasons),
      text,
      fc.dictionary(text, text, { maxKeys: 8 }),
      fc.array(fc.record({ field: text, description: text }), { maxLength: 20 }),
      (reason, message, metadata, fields) => {
        const error = new StoreError(reason, message, {
          metadata,
          fields,
          resource: { type: "snapshot", name: message },
          retryAfterMs: 1,
        });
        const status = wireStatus(error);
        const encoded = encodedDetails(error);
        assert.ok(encoded.length <= 4096, `${encoded.length} bytes of details`);
        assert.equal(detailsOf(status).reason, reason);
        assert.ok(Buffer.byteLength(status.details) <= 1024);
        const onWire = encodeURI(status.details).length + encoded.toString("base64").length;
        assert.ok(onWire <= 7800, `${onWire} bytes of trailers`);
      },
    ),
    { numRuns: 300 },
  );
});

test("a short error keeps all its candidates, and a long error keeps as many as fit", () => {
  const metadataOf = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`key${n}`, "v".repeat(20)]));
  const few = new StoreError("AMBIGUOUS_REF", "a", { metadata: metadataOf(10) });
  assert.equal(Object.keys(detailsOf(wireStatus(few)).metadata).length, 10);
  const many = new StoreError("AMBIGUOUS_REF", "a", { metadata: metadataOf(1000) });
  assert.ok(Object.keys(detailsOf(wireStatus(many)).metadata).length >= 16);
});

test("a long text is shortened at its end, between characters", () => {
  const { details } = wireStatus(new StoreError("ARCHIVE_INVALID", "😀".repeat(1000)));
  assert.match(details, /^(?:😀)+…$/u);
  const ascii = wireStatus(new StoreError("ARCHIVE_INVALID", "a".repeat(5000))).details;
  assert.equal(Buffer.byteLength(ascii), 1024);
});

test("lone surrogates and very large errors reach a client, and the connection survives", async () => {
  const errors: Record<string, StoreError> = {
    surrogate: new StoreError("ARCHIVE_INVALID", "entry \ud800 is bad", {
      metadata: { entry: "\udfff" },
    }),
    large: new StoreError("ARCHIVE_INVALID", "x".repeat(100_000), {
      metadata: { entry: "y".repeat(100_000) },
      fields: Array.from({ length: 5000 }, (_, n) => ({ field: `f${n}`, description: "bad" })),
    }),
  };
  await using harness = await startServer({
    inspect: ({ ref }) => Promise.reject(errors[ref] ?? new Error("no such error")),
    list: () => Promise.resolve({}),
  });
  for (const ref of Object.keys(errors)) {
    const error = await failureOf(unary(harness.client, methods.inspect, { ref }));
    assert.equal(error.code, grpcStatus.INVALID_ARGUMENT, ref);
    assert.equal(detailsOf(error).reason, "ARCHIVE_INVALID", ref);
  }
  await unary(harness.client, methods.list, {});
});

test("the error of an aborted operation becomes the reason of the abort", () => {
  const reason = new StoreError("DRAINING", "going down");
  const call = { method: "a.B/C", signal: AbortSignal.abort(reason), logger: silent };
  const abortError = new DOMException("This operation was aborted", "AbortError");
  assert.equal(toCallError(abortError, call), reason);
  assert.equal(toCallError(reason, call), reason);
  // If the call was not aborted, the error is a fault of the program.
  const running = { ...call, signal: new AbortController().signal };
  assert.equal(toCallError(abortError, running).reason, "INTERNAL");
});

test("thrown values that are not errors become INTERNAL too", () => {
  const call = { method: "a.B/C", signal: new AbortController().signal, logger: silent };
  for (const thrown of [undefined, null, "text", 7, { code: 5 }]) {
    const error = toCallError(thrown, call);
    assert.equal(error.reason, "INTERNAL");
    assert.doesNotMatch(error.message, /text/);
  }
});

/** Returns the error of a block with `await using` when both the block and its cleanup fail. */
async function failTwice(first: unknown, second: unknown): Promise<unknown> {
  try {
    await using _resource = { [Symbol.asyncDispose]: () => Promise.reject(second) };
    throw first;
  } catch (error) {
    return error;
  }
}

test("an error keeps its reason even if the cleanup after it fails", async () => {
  const call = { method: "Restore", signal: new AbortController().signal, logger: silent };
  const first = new StoreError("STORAGE_FULL", "no space");
  const bug = new TypeError("a bug");
  const closing = Object.assign(new Error("EIO: i/o error, close"), {
    code: "EIO",
    syscall: "close",
  });
  const twice = await failTwice(first, closing);
  assert.notEqual(twice, first);
  assert.equal(toCallError(twice, call).reason, "STORAGE_FULL");
  assert.equal(toCallError(await failTwice(twice, bug), call).reason, "STORAGE_FULL");
  assert.equal(toCallError(await failTwice(bug, first), call).reason, "STORAGE_FULL");
  assert.equal(firstError(await failTwice(bug, closing)), bug);
  const context = { what: "read the file", path: "/x" };
  const { reason } = ioError(await failTwice(closing, bug), context) as StoreError;
  assert.equal(reason, "IO_FAILED");
});
