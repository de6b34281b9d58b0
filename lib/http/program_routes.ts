/**
 * Routes about the agent as a program: invitations, and restarts.
 *
 * @module
 */
import { parseDuration } from "../core/duration.ts";
import { ExitCode } from "../core/errors.ts";
import type { JsonValue } from "./api.ts";
import { isObject, readJson } from "./body.ts";
import { HttpError } from "./errors.ts";
import { json } from "./reply.ts";
import type { Route } from "./route.ts";

export const programRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/invites",
    parameters: ["network"],
    answer: ({ query }, { api }) => json(api.program.invites(query.get("network") ?? undefined)),
  },
  {
    method: "POST",
    path: "/v1/invites",
    parameters: ["network"],
    async answer({ request, query }, { api }) {
      const body = await fieldsOf(request, ["for", "addresses"]);
      const options: { ttlMs?: number; addresses?: string[] } = {};
      if (body.for !== undefined) {
        if (typeof body.for !== "string" && typeof body.for !== "number") {
          throw new HttpError(400, '"for" is a duration such as "10m", or seconds');
        }
        options.ttlMs = parseDuration(String(body.for));
      }
      if (body.addresses !== undefined) options.addresses = textsOf(body.addresses);
      return json(api.program.invite(query.get("network") ?? undefined, options));
    },
  },
  {
    method: "DELETE",
    path: "/v1/invites/",
    parameters: [],
    answer({ rest }, { api }) {
      if (!api.program.revokeInvite(rest)) {
        throw new HttpError(404, `there is no open invitation ${rest}`, ExitCode.NotThere);
      }
      return json({ withdrawn: rest });
    },
  },
  {
    method: "GET",
    path: "/v1/program",
    parameters: [],
    answer: (_, { api }) => json(api.program.view()),
  },
  {
    method: "POST",
    path: "/v1/restart",
    parameters: [],
    async answer({ request }, { api }) {
      const { how = "exec" } = await fieldsOf(request, ["how"]);
      if (how !== "exec" && how !== "stop") {
        throw new HttpError(400, `"how" is "exec" or "stop", not ${JSON.stringify(how)}`);
      }
      api.program.restart(how);
      return json({ how });
    },
  },
];

/** The fields of a body, which may be empty. */
async function fieldsOf(
  request: Request,
  known: readonly string[],
): Promise<Record<string, JsonValue>> {
  if (request.body === null) return {};
  const body = await readJson(request);
  if (!isObject(body)) {
    throw new HttpError(400, "the body must be a JSON object");
  }
  const unknown = Object.keys(body).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new HttpError(400, `unknown field "${unknown}"; known are ${known.join(", ")}`);
  }
  return body;
}

function textsOf(value: JsonValue): string[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === "string")) {
    throw new HttpError(400, '"addresses" is a list of HOST[:PORT]');
  }
  return value;
}
