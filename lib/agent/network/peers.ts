/**
 * Where a DNCP peer is, for those who dial it for something else.
 *
 * @module
 */
import { isLinkLocal6, parseHostPort } from "../../net/address.ts";

/** The host of a peer; a link-local one with the interface on which it was met. */
export function hostOfPeer(
  { address, endpointName }: { readonly address: string; readonly endpointName: string },
): string {
  const { host } = parseHostPort(address, 0);
  // A stream that was taken does not tell.
  return isLinkLocal6(host) && !host.includes("%") ? `${host}%${endpointName}` : host;
}
