// `delay-proxy.js TARGET DELAY_MS`: forwards TCP connections and delays the data in both
// directions. It simulates a long link on a machine whose kernel has no netem. It runs as its own
// process and prints `listening on HOST:PORT` to stderr. It never stops reading, so it is only for
// HTTP/2: the flow-control windows of the client and the server bound its memory.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

const [target = "", delay = ""] = process.argv.slice(2);
const [host, port] = [target.slice(0, target.lastIndexOf(":")), Number(target.split(":").at(-1))];
const delayMs = Number(delay);

const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ host, port, noDelay: true });
  pass(near, far);
  pass(far, near);
});
server.listen(0, "127.0.0.1", () => {
  process.stderr.write(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});

function pass(from: Socket, to: Socket): void {
  from.on("data", (bytes) => setTimeout(() => to.destroyed || to.write(bytes), delayMs));
  from.on("end", () => setTimeout(() => to.end(), delayMs));
  from.on("error", () => to.destroy());
  from.on("close", () => setTimeout(() => to.destroy(), delayMs));
}
