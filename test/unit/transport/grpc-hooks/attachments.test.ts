// Tests that a hook that does not attach is reported once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { createAttachments } from "../../../../src/transport/grpc-hooks/attachments.js";

test("a hook that does not attach logs one warning, which says what the daemon loses", () => {
  const lines: { level: number; hook: string; effect: string }[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const attachments = createAttachments(logger);
  attachments.missing("socket-reading");
  attachments.missing("socket-reading");
  attachments.missing("call-mark");
  assert.deepEqual(
    lines.map(({ level, hook }) => [level, hook]),
    [
      [40, "socket-reading"],
      [40, "call-mark"],
    ],
  );
  assert.match(lines[0]?.effect ?? "", /not slowed down/);
});
