// Tests whether a server uses TLS, after it did not answer a client in plain text.
import { connect } from "node:tls";
import type { Address } from "./address.js";

const probeMs = 2000;

/**
 * Returns whether the server answers a TLS handshake, and closes the connection. The certificate is
 * not checked, because no data is sent.
 */
export function speaksTls({ hostPort }: Address): Promise<boolean> {
  if (hostPort === undefined) return Promise.resolve(false);
  const { host, port } = hostPort;
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(probeMs, () => settle(false));
    socket.once("secureConnect", () => settle(true));
    // A server that refuses the handshake sends an alert of TLS.
    socket.once("error", (error: Error) => settle(/\balert\b/i.test(error.message)));
    socket.once("close", () => settle(false));
  });
}
