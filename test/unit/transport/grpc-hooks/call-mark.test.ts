// Contract: grpc-js makes the metadata of a call from the headers object that the hooks have seen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata, ServerInterceptingCall } from "@grpc/grpc-js";
import { markCall, markOf } from "../../../../src/transport/grpc-hooks/call-mark.js";
import { asInterceptor, startGrpc } from "./scene.js";

test("a call has the mark of its stream, and a call without a stream has no mark", async () => {
  const marks: (string | undefined)[] = [];
  const intercept = asInterceptor(
    (raw) =>
      new ServerInterceptingCall(raw, {
        start(next) {
          next({
            onReceiveMetadata(metadata, pass) {
              marks.push(markOf(metadata));
              pass(metadata);
            },
          });
        },
      }),
  );
  await using scene = await startGrpc({
    intercept,
    onStream(stream, headers, _rawHeaders, begin) {
      // The forged header looks as if the client had sent it.
      headers["stasis-connection"] = "forged";
      markCall(headers, `mark.${stream.id}`);
      begin();
    },
  });
  await scene.call(Buffer.from("a"));
  await scene.call(Buffer.from("b"));
  assert.deepEqual(marks, ["mark.1", "mark.3"]);
  assert.equal(markOf(new Metadata()), undefined);
});
