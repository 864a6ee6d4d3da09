// Closes a client of grpc-js with all of its connections.
//
// Relies on: the internal names of the channel, its subchannels and their connectors, in the
// interfaces below.
// For: the close() of grpc-js 1.14 forgets connections that have failed and are about to be
// retried. If such a connection succeeds later, nothing closes it, and the process does not end.
// There is no public way to reach it.
// If it changes: the connections stay open. The first close then emits a process warning, and the
// contract test fails.
import type { Socket } from "node:net";
import { connectivityState, type Client } from "@grpc/grpc-js";
import { reportMissing } from "./missing.js";

interface Connector {
  /** Not set until the server has answered. */
  readonly session?: { destroy?(): void } | null;
  /** grpc-js calls this with a socket that has just connected. */
  createSession?(connected: { readonly socket: Socket }): Promise<never>;
}

interface Subchannel {
  readonly connector?: Connector;
  continueConnecting?: boolean;
  readonly backoffTimeout?: { stop?(): void };
  /** Moves the subchannel from any of `states` to `next`, which shuts its connection down. */
  transitionToState?(states: readonly number[], next: number): boolean;
}

interface Internals {
  readonly internalChannel?: {
    readonly subchannelPool?: {
      readonly pool?: Readonly<Record<string, readonly { readonly subchannel?: Subchannel }[]>>;
    };
  };
}

export function closeClient(client: Client): void {
  const { internalChannel } = client.getChannel() as Internals;
  if (internalChannel?.subchannelPool?.pool === undefined) {
    reportMissing("close-client", "connections that are being retried are not closed");
  }
  const subchannels = (): (Subchannel | undefined)[] => {
    const entries = Object.values(internalChannel?.subchannelPool?.pool ?? {}).flat();
    return entries.map(({ subchannel }) => subchannel);
  };
  const known = subchannels();
  client.close();
  // grpc-js closes connections in the next tick. Even after the close, it opens a connection when
  // an address was resolved, so that connection has to be closed too.
  setImmediate(() => {
    const begun = subchannels();
    client.close();
    for (const subchannel of [...known, ...begun]) if (subchannel) stop(subchannel);
  });
}

function stop(subchannel: Subchannel): void {
  subchannel.continueConnecting = false;
  subchannel.backoffTimeout?.stop?.();
  const { connector } = subchannel;
  if (connector !== undefined) {
    connector.createSession = ({ socket }) => {
      socket.destroy();
      return Promise.reject(new Error("the client is closed"));
    };
    connector.session?.destroy?.();
  }
  const { CONNECTING, READY, IDLE } = connectivityState;
  subchannel.transitionToState?.([CONNECTING, READY], IDLE);
}
