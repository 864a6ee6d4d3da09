// Closes a client of grpc-js. Its own close() forgets connections that have failed and are about to
// be tried again: once they succeed, nothing ever closes them (grpc-js 1.14). There is no public way
// to reach them, so that this stops what grpc-js has under these names, and nothing where it has others.
import type { Socket } from "node:net";
import { connectivityState, type Client } from "@grpc/grpc-js";

interface Connector {
  /** While the server has not answered yet. */
  readonly session?: { destroy?(): void } | null;
  /** Called with a socket that has just connected. */
  createSession?(connected: { readonly socket: Socket }): Promise<never>;
}

interface Subchannel {
  readonly connector?: Connector;
  continueConnecting?: boolean;
  readonly backoffTimeout?: { stop?(): void };
  /** Moves to `next` from any of `states`, which shuts its connection down. */
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
  const subchannels = (): (Subchannel | undefined)[] => {
    const entries = Object.values(internalChannel?.subchannelPool?.pool ?? {}).flat();
    return entries.map(({ subchannel }) => subchannel);
  };
  const known = subchannels();
  client.close();
  // grpc-js ends connections in the next tick, and begins one when an address has been resolved, also
  // after it was closed: then it has to be closed once more.
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
