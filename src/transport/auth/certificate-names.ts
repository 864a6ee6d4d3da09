// Returns the names in a certificate in the notation of the configuration: `CN=name`, `DNS:name`,
// `URI:uri`, `IP Address:1.2.3.4`, `email:user@host`.
import type { X509Certificate } from "node:crypto";

export function certificateNames(
  certificate: Pick<X509Certificate, "subject" | "subjectAltName">,
): string[] {
  return [...commonNames(certificate.subject), ...alternativeNames(certificate.subjectAltName)];
}

/**
 * Returns the common names. The subject has one attribute per line. An escaped value could hold a
 * line of its own, so values with an escape are left out.
 */
function commonNames(subject: string | undefined): string[] {
  const lines = (subject ?? "").split("\n");
  return lines.filter((line) => line.startsWith("CN=") && !line.includes("\\"));
}

/**
 * Returns the alternative names. Node writes a value with a comma or a quote as a JSON string, so
 * that it cannot look like several values (CVE-2021-44532). A quoted value is one piece, and
 * matches no name of a configuration.
 */
function alternativeNames(text: string | undefined): string[] {
  const pieces = (text ?? "").match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? [];
  return pieces.map((piece) => piece.trim()).filter((piece) => !piece.includes('"'));
}
