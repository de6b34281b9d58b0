/**
 * Floor 3: the local API. A view over what the agent hands it ({@linkcode AgentApi}): HTTP on a Unix
 * socket and, if asked, on TCP; an event stream; leases; metrics; a status page.
 *
 * @module
 */
export type * from "./api.ts";
export { type ApiServer, serveApi, type ServeOptions } from "./server.ts";
