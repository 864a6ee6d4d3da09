// Runs the strangers of `npm run lab -- soak-strangers` in their own process: connections with
// half-open calls without a credential. Each refused or reset stream is reopened at once.
import { openSession, type HostileSession } from "../hostile/hostile-clients.js";

const [address = "", connections = "0", streams = "0"] = process.argv.slice(2);
const path = "/stasis.v1.SnapshotService/List";
const counts = { opened: 0, refused: 0, connections: 0 };

function keepOpen(next: () => HostileSession): void {
  counts.opened++;
  const stream = next().open(path);
  stream.resume();
  stream.once("close", () => {
    counts.refused++;
    setImmediate(keepOpen, next);
  });
}

for (let index = 0; index < Number(connections); index++) {
  let session: HostileSession | undefined;
  const next = (): HostileSession => {
    if (session === undefined || session.session.closed || session.session.destroyed) {
      counts.connections++;
      session = openSession(address);
    }
    return session;
  };
  for (let stream = 0; stream < Number(streams); stream++) keepOpen(next);
}
process.once("SIGTERM", () => {
  const { opened, refused, connections: made } = counts;
  process.stdout.write(`${opened} streams opened on ${made} connections, ${refused} refused\n`);
  process.exit(0);
});
process.stdout.write("opened\n");
