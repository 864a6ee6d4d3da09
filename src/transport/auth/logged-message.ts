// Reads the fields that the access log and the audit log show. These fields have the same names in
// the messages of all services.

export type MessageFields = Readonly<Record<string, unknown>>;

/** Maximum number of characters of a caller's text in a line of a log. */
export const maxLoggedText = 256;

/** Returns the fields of a message. They are empty if the value is not a message. */
export function fieldsOf(value: unknown): MessageFields {
  return typeof value === "object" && value !== null ? (value as MessageFields) : {};
}

/** Returns the header if the message is a `header` frame. Otherwise returns the message itself. */
export function headerOf(message: unknown): MessageFields {
  const request = fieldsOf(message);
  const frame = fieldsOf(request["frame"]);
  return frame["case"] === "header" ? fieldsOf(frame["value"]) : request;
}
